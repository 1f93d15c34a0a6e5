#include "client/completion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace belfry::client {
namespace {

// What may follow some verbs besides flags: the command that lists it.
struct Dynamic {
  absl::string_view verbs;
  absl::string_view command;
};
constexpr Dynamic kDynamic[] = {
    {"cpu show", "belfry cpu list -o name"},
    {"cpu online", "belfry cpu list -o name"},
    {"cpu offline", "belfry cpu list -o name"},
    {"cpu cycle", "belfry cpu list -o name"},
    {"cpu fail", "belfry cpu list -o name"},
    {"call", "belfry cpu list -o name"},
    {"kick", "belfry cpu list -o name"},
    {"logs", "belfry cpu list -o name; echo coordinator"},
    {"profile show", "belfry profile list -o name"},
    {"profile diff", "belfry profile list -o name"},
    {"scenario show", "belfry scenario list -o name"},
    {"scenario run", "belfry scenario list -o name"},
    {"ops wait", "belfry ops list -o name"},
    {"ops cancel", "belfry ops list -o name"},
    {"completion", "echo bash zsh fish"},
};

std::vector<std::string> Names(const std::vector<VerbTree>& verbs) {
  std::vector<std::string> names;
  for (const VerbTree& verb : verbs) names.push_back(verb.name);
  return names;
}

// A line for each verb of the tree: `make` writes one of "cpu online".
template <typename Make>
void ForEachVerb(const VerbTree& tree, const std::string& path, Make make) {
  make(path, tree);
  for (const VerbTree& verb : tree.verbs) {
    ForEachVerb(verb,
                path.empty() ? verb.name : absl::StrCat(path, " ", verb.name),
                make);
  }
}

constexpr char kBashHead[] = R"sh(# Completion of belfry for bash:
#   source <(belfry completion bash)
_belfry() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
  local path="" word words="" flags=""
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " ${_belfry_verbs} " in
      *" ${path:+${path}_}${word} "*) path="${path:+${path}_}${word}" ;;
    esac
  done
  case "${prev}" in
    --profile) words="$(belfry profile list -o name 2>/dev/null)" ;;
    -o|--output) words="table json name" ;;
    --color) words="auto always never" ;;
    --doorbell) words="fused split" ;;
    --expect) words="holds hang violated inconclusive" ;;
    *)
      case "${path}" in
)sh";

constexpr char kBashTail[] = R"sh(      esac
      ;;
  esac
  [[ "${cur}" == -* ]] && words="${flags}"
  COMPREPLY=($(compgen -W "${words}" -- "${cur}"))
  [[ "${prev}" == --payload-file || "${prev}" == --state-dir ]] &&
    COMPREPLY=($(compgen -f -- "${cur}"))
  return 0
}
complete -F _belfry belfry
)sh";

std::string Joined(const std::string& path) {
  return absl::StrReplaceAll(path, {{" ", "_"}});
}

// The command whose output may follow the verb; empty for none.
std::string DynamicWords(const std::string& path) {
  for (const Dynamic& dynamic : kDynamic) {
    if (dynamic.verbs == path) {
      return absl::StrCat("$(", "{ ", dynamic.command, "; } 2>/dev/null)");
    }
  }
  return "";
}

std::string BashScript(const VerbTree& root) {
  std::vector<std::string> paths;
  std::string cases;
  ForEachVerb(root, "", [&](const std::string& path, const VerbTree& verb) {
    if (!path.empty()) paths.push_back(Joined(path));
    absl::StrAppend(&cases, "        \"", Joined(path), "\") words=\"",
                    absl::StrJoin(Names(verb.verbs), " "), DynamicWords(path),
                    "\" flags=\"", absl::StrJoin(verb.flags, " "), "\" ;;\n");
  });
  return absl::StrCat("_belfry_verbs=\"", absl::StrJoin(paths, " "), "\"\n",
                      kBashHead, cases, kBashTail);
}

// zsh runs bash's completions: one description of the verbs, not two.
std::string ZshScript(const VerbTree& root) {
  return absl::StrCat("#compdef belfry\n",
                      "autoload -U +X bashcompinit && bashcompinit\n",
                      BashScript(root));
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "\\'"}}), "'");
}

// True when all the words stand on the line, and none of the verbs that may
// come next.
std::string FishCondition(const std::string& path, const VerbTree& verb) {
  if (path.empty()) return "__fish_use_subcommand";
  std::string condition;
  for (absl::string_view word : absl::StrSplit(path, ' ')) {
    absl::StrAppend(&condition, condition.empty() ? "" : "; and ",
                    "__fish_seen_subcommand_from ", word);
  }
  if (!verb.verbs.empty()) {
    absl::StrAppend(&condition, "; and not __fish_seen_subcommand_from ",
                    absl::StrJoin(Names(verb.verbs), " "));
  }
  return condition;
}

std::string FishScript(const VerbTree& root) {
  std::string script =
      "# Completion of belfry for fish:\n"
      "#   belfry completion fish | source\n"
      "complete -c belfry -f\n";
  ForEachVerb(root, "", [&](const std::string& path, const VerbTree& verb) {
    const std::string start = absl::StrCat("complete -c belfry -n ",
                                           Quoted(FishCondition(path, verb)));
    for (const VerbTree& next : verb.verbs) {
      absl::StrAppend(&script, start, " -a ", next.name, " -d ",
                      Quoted(next.help), "\n");
    }
    if (const std::string words = DynamicWords(path); !words.empty()) {
      absl::StrAppend(&script, start, " -a ",
                      Quoted(absl::StrReplaceAll(
                          words, {{"$({ ", "("}, {"; } 2>/dev/null)", ")"}})),
                      "\n");
    }
    for (const std::string& flag : verb.flags) {
      absl::StrAppend(&script, start, " -l ", flag.substr(2), "\n");
    }
  });
  return script;
}

}  // namespace

std::string CompletionScript(absl::string_view shell, const VerbTree& root) {
  if (shell == "bash") return BashScript(root);
  if (shell == "zsh") return ZshScript(root);
  return FishScript(root);
}

}  // namespace belfry::client
