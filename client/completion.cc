#include "client/completion.h"

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "kernel/cpuhp.h"
#include "kernel/functions.h"
#include "kernel/profile.h"

namespace belfry::client {
namespace {

// What may stand at a place after a verb, besides flags.
struct Argument {
  absl::string_view verb;
  // From 1; 0: at any.
  int place;
  // The verb that lists it with -o name; empty: none.
  absl::string_view asked;
  // Known without asking.
  std::string words;
};

// Of all tables: which of them the cluster has is not known here.
std::string StepNames() {
  std::set<absl::string_view> names;
  for (const kernel::Steps table :
       {kernel::Steps::kBelfry, kernel::Steps::kNotifiers}) {
    for (const kernel::CpuhpStep& step : kernel::CpuhpSteps(table)) {
      names.insert(step.name);
    }
  }
  return absl::StrJoin(names, " ");
}

std::vector<Argument> Arguments() {
  const std::string functions = absl::StrJoin(kernel::kBuiltinFunctions, " ");
  return {{"cpu show", 1, "cpu list", ""},
          {"cpu online", 1, "cpu list", ""},
          {"cpu offline", 1, "cpu list", ""},
          {"cpu cycle", 1, "cpu list", ""},
          {"cpu fail", 1, "cpu list", ""},
          {"cpu fail", 2, "", StepNames()},
          {"call", 1, "cpu list", ""},
          {"call", 2, "", functions},
          {"stop-machine", 1, "", functions},
          {"stop-two", 1, "cpu list", ""},
          {"stop-two", 2, "cpu list", ""},
          {"stop-two", 3, "", functions},
          {"kick", 1, "cpu list", ""},
          {"logs", 1, "cpu list", "coordinator"},
          {"profile show", 1, "profile list", ""},
          {"profile diff", 0, "profile list", ""},
          {"scenario show", 1, "scenario list", ""},
          {"scenario run", 1, "scenario list", ""},
          {"ops wait", 1, "ops list", ""},
          {"ops cancel", 1, "ops list", ""},
          {"completion", 1, "", "bash zsh fish"}};
}

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

// Bash takes --flag=value apart into three words; a knob=value, too. `flag` is
// the flag, or "knob=", whose value the word at the cursor is.
constexpr char kBashHead[] = R"sh(# Completion of belfry for bash:
#   source <(belfry completion bash)
_belfry_ask() {
  belfry "${_belfry_cluster[@]}" "$@" -o name 2>/dev/null
}
_belfry() {
  local cur="${COMP_WORDS[COMP_CWORD]}" path="" words="" flags="" flag="" i word
  local place=1
  _belfry_cluster=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word="${COMP_WORDS[i]}"
    if [[ "${word}" == "=" ]]; then
      flag="${flag:-${COMP_WORDS[i-1]}=}"
    elif [[ -n "${flag}" ]]; then
      [[ "${flag}" == --state-dir || "${flag}" == --coordinator ]] &&
        _belfry_cluster+=("${flag}" "${word}")
      flag=""
    elif [[ "${word}" == -* ]]; then
      [[ " ${_belfry_valued} " == *" ${word} "* ]] && flag="${word}"
    elif [[ " ${_belfry_verbs} " == *" ${path:+${path}_}${word} "* ]]; then
      path="${path:+${path}_}${word}"
    else
      place=$((place + 1))
    fi
  done
  if [[ "${cur}" == "=" ]]; then
    cur=""
    flag="${flag:-${COMP_WORDS[COMP_CWORD-1]}=}"
  fi
  case "${flag}" in
    "") ;;
    --profile) words="$(_belfry_ask profile list)" ;;
    -o|--output) words="table json name" ;;
    --color) words="auto always never" ;;
    --doorbell) words="fused split" ;;
    --expect) words="holds hang violated inconclusive" ;;
    --payload-file|--state-dir)
      COMPREPLY=($(compgen -f -- "${cur}"))
      return 0
      ;;
)sh";

constexpr char kBashTail[] = R"sh(  esac
  [[ "${cur}" == -* ]] && words="${flags}"
  COMPREPLY=($(compgen -W "${words}" -- "${cur}"))
  return 0
}
complete -F _belfry belfry
)sh";

std::string Joined(absl::string_view path) {
  return absl::StrReplaceAll(path, {{" ", "_"}});
}

// The knobs, and the values of each.
std::string BashKnobs() {
  std::string names;
  std::string values;
  for (const kernel::Knob& knob : kernel::Knobs()) {
    absl::StrAppend(&names, names.empty() ? "" : " ", knob.name, "=");
    absl::StrAppend(&values, "    ", knob.name, "=) words=\"",
                    absl::StrJoin(knob.values, " "), "\" ;;\n");
  }
  return absl::StrCat("    --set)\n      words=\"", names,
                      "\"\n      compopt -o nospace 2>/dev/null\n      ;;\n",
                      values);
}

std::string BashArguments() {
  std::string cases;
  for (const Argument& argument : Arguments()) {
    absl::StrAppend(&cases, "    \"", Joined(argument.verb), " \"",
                    argument.place == 0 ? "*" : absl::StrCat(argument.place),
                    ") words=\"",
                    argument.asked.empty()
                        ? ""
                        : absl::StrCat("$(_belfry_ask ", argument.asked, ") "),
                    argument.words, "\" ;;\n");
  }
  return cases;
}

std::string BashScript(const VerbTree& root) {
  std::vector<std::string> paths;
  std::set<std::string> valued;
  std::string cases;
  ForEachVerb(root, "", [&](const std::string& path, const VerbTree& verb) {
    if (!path.empty()) paths.push_back(Joined(path));
    valued.insert(verb.valued_flags.begin(), verb.valued_flags.end());
    absl::StrAppend(&cases, "    \"", Joined(path), "\") words=\"",
                    absl::StrJoin(Names(verb.verbs), " "), "\" flags=\"",
                    absl::StrJoin(verb.flags, " "), "\" ;;\n");
  });
  return absl::StrCat(
      "_belfry_verbs=\"", absl::StrJoin(paths, " "), "\"\n",
      "_belfry_valued=\"", absl::StrJoin(valued, " "), "\"\n", kBashHead,
      BashKnobs(), "  esac\n",
      "  [[ -z \"${flag}\" ]] && case \"${path}\" in\n", cases, "  esac\n",
      "  [[ -z \"${flag}\" ]] && case \"${path} ${place}\" in\n",
      BashArguments(), kBashTail);
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
    for (const Argument& argument : Arguments()) {
      if (argument.verb != path) continue;
      absl::StrAppend(
          &script, start, " -a ",
          Quoted(absl::StrCat(argument.asked.empty()
                                  ? ""
                                  : absl::StrCat("(belfry ", argument.asked,
                                                 " -o name 2>/dev/null) "),
                              argument.words)),
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
