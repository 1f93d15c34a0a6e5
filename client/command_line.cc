// CLI11's exceptions end here.
#include "client/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/exit_code.h"
#include "client/flags.h"
#include "client/parser.h"
#include "client/state_dir.h"
#include "client/suggest.h"

namespace belfry::client {
namespace {

constexpr char kExitCodes[] =
    R"(Exit codes:
  0        done; nothing is violated
  1        no, or only a part of the work was done
  2        the command line is wrong
  3        inconclusive: the time was over
  11       hang: somebody waits for ever
  12       violated: lost, run twice or stranded
  13       not in time: the alert of a canary did not come back
  65       a file that is to be judged is not of its kind, or cut off
  64+N     an RPC failed with gRPC code N: 67 (EINVAL), 69 (no such thing),
           73 (ENXIO, EBUSY), 78 (nobody answers)
  124      --timeout is over
  130 143  ended by Ctrl-C, by SIGTERM
)";

// Examples first. CLI11 keeps a text for the end of the help, the footer: we
// keep the examples there.
class ExamplesFirst : public CLI::Formatter {
 public:
  ExamplesFirst() {
    column_width(28);
    label("SUBCOMMAND", "VERB");
    label("Subcommands", "Verbs");
    label("Positionals", "Arguments");
  }

  // Only what the option takes: the rest is said in its help.
  std::string make_option_opts(const CLI::Option* option) const override {
    const bool takes_value =
        option->get_type_size() != 0 && !option->get_positional();
    return takes_value ? absl::StrCat(" ", option->get_type_name()) : "";
  }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    if (mode == CLI::AppFormatMode::Sub) return make_expanded(app);
    std::ostringstream text;
    text << make_description(app) << "\n";
    if (!app->get_footer().empty()) {
      text << "Examples:\n" << app->get_footer() << "\n";
    }
    text << make_usage(app, name) << make_positionals(app)
         << make_groups(app, mode) << make_subcommands(app, mode);
    if (app->get_parent() == nullptr) {
      text << "\n" << kExitCodes;
    } else {
      text << "\nOptions of every verb: belfry --help\n";
    }
    return text.str();
  }
};

// The innermost verb that was recognised.
const CLI::App* Innermost(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return app;
}

std::string FullName(const CLI::App* app) {
  return app->get_parent() == nullptr
             ? app->get_name()
             : absl::StrCat(FullName(app->get_parent()), " ", app->get_name());
}

// Of the app and, since they fall through, of those above it.
std::vector<std::string> Flags(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options({})) {
      for (const std::string& name : option->get_lnames()) {
        const std::string flag = "--" + name;
        // --help is every app's own.
        if (std::find(flags.begin(), flags.end(), flag) == flags.end()) {
          flags.push_back(flag);
        }
      }
    }
  }
  return flags;
}

std::vector<std::string> ValuedFlags(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options({})) {
    if (option->get_items_expected_max() == 0) continue;
    for (const std::string& name : option->get_lnames()) {
      flags.push_back("--" + name);
    }
    for (const std::string& name : option->get_snames()) {
      flags.push_back("-" + name);
    }
  }
  return flags;
}

std::vector<std::string> Verbs(const CLI::App& app) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) {
    verbs.push_back(verb->get_name());
  }
  return verbs;
}

// One line: what is wrong, and what would be right.
std::string Mistake(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App* app = Innermost(root);
  const std::string see = absl::StrCat("; run: ", FullName(app), " --help");
  const std::vector<std::string> unknown = root.remaining(true);
  if (unknown.empty()) return absl::StrCat(error.what(), see);
  const std::string& word = unknown.front();
  const bool is_flag = word.size() > 1 && word[0] == '-';
  const bool is_verb = !is_flag && !app->get_subcommands({}).empty();
  const std::optional<std::string> meant = is_flag ? Suggest(word, Flags(*app))
                                           : is_verb
                                               ? Suggest(word, Verbs(*app))
                                               : std::nullopt;
  return absl::StrCat(
      is_flag   ? "unknown flag "
      : is_verb ? "unknown verb "
                : "what is meant by ",
      word, is_flag || is_verb ? "" : "?",
      meant ? absl::StrCat("; did you mean ", *meant, "?") : see);
}

VerbTree Tree(const CLI::App& app) {
  VerbTree tree{.name = app.get_name(),
                .help = app.get_description(),
                .flags = Flags(app),
                .valued_flags = ValuedFlags(app),
                .verbs = {}};
  for (const CLI::App* verb : app.get_subcommands({})) {
    tree.verbs.push_back(Tree(*verb));
  }
  return tree;
}

}  // namespace

Parser::Parser()
    : app_("belfry: the CPUs of an SMP machine, emulated as processes") {
  app_.name("belfry");
  app_.formatter(std::make_shared<ExamplesFirst>());
  app_.set_help_flag("-h,--help", "This help");
  app_.footer(Examples({"belfry up --detach          # 4 CPUs on this host",
                        "belfry cpu offline 3        # as chcpu does it",
                        "belfry scenario run lost-ipi --profile linux-3.0",
                        "belfry explain              # why something hangs",
                        "belfry down"}));
  // Global flags may stand after the verb; one verb only.
  app_.fallthrough();
  app_.require_subcommand(0, 1);
  AddGlobalFlags();
  AddClusterVerbs();
  AddCpuVerbs();
  AddHotplugVerbs();
  AddCallVerbs();
  AddLoadVerbs();
  AddOperationVerbs();
  AddInsightVerbs();
  AddConform();
  AddReport();
  AddScenarioVerbs();
  AddExplore();
  AddSimulate();
  AddReplay();
  AddTorture();
  AddChaos();
  AddProfileVerbs();
  AddAboutVerbs();
}

CommandLine Parser::Parse(int argc, char** argv, std::ostream& out,
                          std::ostream& err) {
  result_.global.state_dir = DefaultStateDir();
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    out << app_.help();
    return Ended(kExitOk);
  } catch (const CLI::ParseError& error) {
    err << "belfry: " << Mistake(app_, error) << "\n";
    return Ended(kExitUsage);
  }
  if (!chosen_) {
    err << app_.help();
    return Ended(kExitUsage);
  }
  if (auto* completion = std::get_if<CompletionOptions>(&result_.command)) {
    completion->root = Tree(app_);
  }
  return result_;
}

CommandLine Parser::Ended(int exit_code) {
  result_.exit_code = exit_code;
  return result_;
}

CLI::App* Parser::Group(const std::string& name, const std::string& help,
                        const std::vector<std::string>& examples) {
  CLI::App* app = app_.add_subcommand(name, help);
  app->footer(Examples(examples));
  app->require_subcommand(0, 1);
  return app;
}

std::string Parser::Examples(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    absl::StrAppend(&text, "  ", line, "\n");
  return text;
}

void Parser::AddGlobalFlags() {
  GlobalOptions& global = result_.global;
  app_.add_option("--coordinator", global.coordinator,
                  "The cluster's coordinator: host:port or unix:PATH, or "
                  "several with commas between [BELFRY_COORDINATOR]")
      ->type_name("ADDRESS")
      ->envname("BELFRY_COORDINATOR");
  app_.add_option("--state-dir", global.state_dir,
                  "Where `up` keeps a local cluster's state [BELFRY_STATE_DIR]")
      ->type_name("DIR")
      ->envname("BELFRY_STATE_DIR");
  AddChoice<Format>(&app_, "-o,--output", &global.format,
                    {{"table", Format::kTable},
                     {"json", Format::kJson},
                     {"name", Format::kName}},
                    "table, json or name")
      ->type_name("FORMAT");
  app_.add_flag_callback(
      "--no-headers", [&global] { global.headers = false; },
      "Tables without their head");
  AddChoice<ColorMode>(&app_, "--color", &global.color,
                       {{"auto", ColorMode::kAuto},
                        {"always", ColorMode::kAlways},
                        {"never", ColorMode::kNever}},
                       "auto, always or never; NO_COLOR is honoured")
      ->type_name("WHEN");
  AddDuration(&app_, "--timeout", &global.timeout, &global.timeout_given,
              "How long to wait: 500ms, 10s (default), 2m");
}

CommandLine ParseCommandLine(int argc, char** argv, std::ostream& out,
                             std::ostream& err) {
  return Parser().Parse(argc, argv, out, err);
}

}  // namespace belfry::client
