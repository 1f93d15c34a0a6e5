// The only source that includes CLI11, which takes five seconds to compile. Its
// exceptions end here as well.
#include "client/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/chaos_schedule.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/state_dir.h"
#include "client/suggest.h"
#include "kernel/ids.h"
#include "lab/simulation_maker.h"
#include "rpc/trace_ring.h"

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

// "  $ belfry status" for each.
std::string Examples(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    absl::StrAppend(&text, "  ", line, "\n");
  return text;
}

absl::Duration ReadDuration(const std::string& name, const std::string& text) {
  const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
  if (!duration.ok()) {
    throw CLI::ValidationError(name, std::string(duration.status().message()));
  }
  return *duration;
}

void AddDuration(CLI::App* app, const std::string& name, absl::Duration* value,
                 bool* given, const std::string& help) {
  const auto read = [=](const std::string& text) {
    *value = ReadDuration(name, text);
    if (given != nullptr) *given = true;
  };
  app->add_option_function<std::string>(name, read, help)->type_name("TIME");
}

// Between two of something; 0s: never.
void AddInterval(CLI::App* app, const std::string& name, absl::Duration* value,
                 const std::string& help) {
  const auto read = [=](const std::string& text) {
    const bool never = text == "0" || text == "0s";
    *value = never ? absl::ZeroDuration() : ReadDuration(name, text);
  };
  app->add_option_function<std::string>(name, read, help)->type_name("TIME");
}

template <typename Value>
using Choices = std::vector<std::pair<std::string, Value>>;

// One of some words, each of which stands for a value.
template <typename Value>
CLI::Option* AddChoice(CLI::App* app, const std::string& name, Value* value,
                       const Choices<Value>& choices, const std::string& help) {
  const auto read = [=](const std::string& text) {
    std::vector<std::string> words;
    for (const auto& [word, meaning] : choices) {
      words.push_back(word);
      if (word != text) continue;
      *value = meaning;
      return;
    }
    throw CLI::ValidationError(name, absl::StrCat("'", text, "' is none of ",
                                                  absl::StrJoin(words, ", ")));
  };
  return app->add_option_function<std::string>(name, read, help);
}

// The words themselves are the values.
CLI::Option* AddWord(CLI::App* app, const std::string& name, std::string* value,
                     const std::vector<std::string>& words,
                     const std::string& help) {
  Choices<std::string> choices;
  for (const std::string& word : words) choices.emplace_back(word, word);
  return AddChoice(app, name, value, choices, help);
}

// Accepts "3" and, as it is printed, "cpu/3".
template <typename Value>
CLI::Option* AddCpu(CLI::App* app, const std::string& name, Value* value,
                    const std::string& help) {
  const auto read = [=](const std::string& text) {
    std::uint32_t cpu = 0;
    if (!absl::SimpleAtoi(absl::StripPrefix(text, "cpu/"), &cpu)) {
      throw CLI::ValidationError(
          name, absl::StrCat("'", text, "' is no CPU number: write 3"));
    }
    *value = cpu;
  };
  return app->add_option_function<std::string>(name, read, help)
      ->type_name("CPU");
}

template <typename Value>
struct Range {
  Value min = 0;
  Value max = std::numeric_limits<Value>::max();
};

// A whole number. CLI11 itself takes -1 for the largest one there is.
template <typename Value>
Value ReadNumber(const std::string& name, const std::string& text,
                 Range<Value> range) {
  Value number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < range.min ||
      number > range.max) {
    throw CLI::ValidationError(
        name, absl::StrCat("'", text, "' is no whole number from ", range.min,
                           " to ", range.max));
  }
  return number;
}

template <typename Value>
CLI::Option* AddNumber(CLI::App* app, const std::string& name, Value* value,
                       Range<Value> range, const std::string& help) {
  const auto read = [=](const std::string& text) {
    *value = ReadNumber(name, text, range);
  };
  return app->add_option_function<std::string>(name, read, help)
      ->type_name("N");
}

// One that may be left out.
void AddNumber(CLI::App* app, const std::string& name,
               std::optional<std::uint32_t>* value, const std::string& help) {
  const auto read = [=](const std::string& text) {
    *value = ReadNumber(name, text, Range<std::uint32_t>{});
  };
  app->add_option_function<std::string>(name, read, help)->type_name("N");
}

// So many a second.
void AddRate(CLI::App* app, const std::string& name, double* value,
             const std::string& help) {
  const auto read = [=](const std::string& text) {
    double rate = 0;
    if (!absl::SimpleAtod(text, &rate) || !std::isfinite(rate) || rate <= 0) {
      throw CLI::ValidationError(
          name, absl::StrCat("'", text, "' is no number above 0"));
    }
    *value = rate;
  };
  app->add_option_function<std::string>(name, read, help)->type_name("N");
}

// "7", or "1-1000".
void AddSeeds(CLI::App* app, const std::string& name, std::uint64_t* first,
              std::uint64_t* last, const std::string& help) {
  const auto read = [=](const std::string& text) {
    const std::vector<std::string> ends = absl::StrSplit(text, '-');
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &low) ||
        !absl::SimpleAtoi(ends.back(), &high) || low > high) {
      throw CLI::ValidationError(
          name, absl::StrCat("'", text,
                             "' are no seeds: write 7, or 1-1000, the lower "
                             "first"));
    }
    *first = low;
    *last = high;
  };
  app->add_option_function<std::string>(name, read, help)->type_name("SEEDS");
}

void AddSet(CLI::App* app, std::vector<std::string>* set) {
  app->add_option("--set", *set,
                  "Change a knob of the profile: knob=value; may be repeated "
                  "(see: belfry profile show)")
      ->type_name("KNOB=VALUE")
      ->allow_extra_args(false);
}

// The rules of a machine; the option --profile, for who has more to say of it.
CLI::Option* AddRules(CLI::App* app, std::string* profile,
                      std::vector<std::string>* set) {
  CLI::Option* option = app->add_option("--profile", *profile,
                                        "The rules to play by (default belfry)")
                            ->type_name("PROFILE");
  AddSet(app, set);
  return option;
}

void AddDoorbell(CLI::App* app, bool* split) {
  AddChoice<bool>(
      app, "--doorbell", split, {{"fused", false}, {"split", true}},
      "fused (default): in the frame of its call; split: on its own")
      ->type_name("MODE");
}

void AddShow(CLI::App* app, ShowOptions* show) {
  app->add_flag("--explain", show->explain,
                "The chain of causes, also when nothing hangs");
  app->add_flag("--picture", show->picture,
                "The space-time picture, also when nothing is violated and in "
                "-o json");
}

// A string object: CLI11 would take a literal for a variable to fill in.
const std::string kWaitHelp = "Wait for them (the default)";

class Parser {
 public:
  Parser() : app_("belfry: the CPUs of an SMP machine, emulated as processes") {
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

  CommandLine Parse(int argc, char** argv, std::ostream& out,
                    std::ostream& err) {
    result_.global.state_dir = DefaultStateDir();
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      out << app_.help();
      return Ended(kExitOk);
    } catch (const CLI::ParseError& error) {
      err << "belfry: " << Mistake(error) << "\n";
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

 private:
  CommandLine Ended(int exit_code) {
    result_.exit_code = exit_code;
    return result_;
  }

  // A verb, and the options that its flags fill in.
  template <typename Options>
  std::pair<CLI::App*, Options*> Verb(CLI::App* parent, const std::string& name,
                                      const std::string& help,
                                      const std::vector<std::string>& examples,
                                      Options defaults = {}) {
    CLI::App* app = parent->add_subcommand(name, help);
    app->footer(Examples(examples));
    auto options = std::make_shared<Options>(std::move(defaults));
    app->callback([this, options] {
      result_.command = *options;
      chosen_ = true;
    });
    return {app, options.get()};
  }

  CLI::App* Group(const std::string& name, const std::string& help,
                  const std::vector<std::string>& examples) {
    CLI::App* app = app_.add_subcommand(name, help);
    app->footer(Examples(examples));
    app->require_subcommand(0, 1);
    return app;
  }

  // A verb about one trace.
  template <typename Options>
  void AddFileVerb(CLI::App* parent, const std::string& name,
                   const std::string& help,
                   const std::vector<std::string>& examples) {
    auto [app, options] = Verb<Options>(parent, name, help, examples);
    app->add_option("FILE", options->file, "A trace; - is standard input")
        ->required();
  }

  // The innermost verb that was recognised.
  const CLI::App* Innermost() const {
    const CLI::App* app = &app_;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
    return app;
  }

  static std::string FullName(const CLI::App* app) {
    return app->get_parent() == nullptr
               ? app->get_name()
               : absl::StrCat(FullName(app->get_parent()), " ",
                              app->get_name());
  }

  // One line: what is wrong, and what would be right.
  std::string Mistake(const CLI::ParseError& error) const {
    const CLI::App* app = Innermost();
    const std::string see = absl::StrCat("; run: ", FullName(app), " --help");
    const std::vector<std::string> unknown = app_.remaining(true);
    if (unknown.empty()) return absl::StrCat(error.what(), see);
    const std::string& word = unknown.front();
    const bool is_flag = word.size() > 1 && word[0] == '-';
    const bool is_verb = !is_flag && !app->get_subcommands({}).empty();
    const std::optional<std::string> meant =
        is_flag   ? Suggest(word, Flags(*app))
        : is_verb ? Suggest(word, Verbs(*app))
                  : std::nullopt;
    return absl::StrCat(
        is_flag   ? "unknown flag "
        : is_verb ? "unknown verb "
                  : "what is meant by ",
        word, is_flag || is_verb ? "" : "?",
        meant ? absl::StrCat("; did you mean ", *meant, "?") : see);
  }

  // Of the app and, since they fall through, of those above it.
  static std::vector<std::string> Flags(const CLI::App& app) {
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

  static std::vector<std::string> ValuedFlags(const CLI::App& app) {
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

  static std::vector<std::string> Verbs(const CLI::App& app) {
    std::vector<std::string> verbs;
    for (const CLI::App* verb : app.get_subcommands({})) {
      verbs.push_back(verb->get_name());
    }
    return verbs;
  }

  static VerbTree Tree(const CLI::App& app) {
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

  void AddGlobalFlags();
  void AddClusterVerbs();
  void AddCpuVerbs();
  void AddHotplugVerbs();
  void AddCallVerbs();
  void AddLoadVerbs();
  void AddOperationVerbs();
  void AddInsightVerbs();
  void AddConform();
  void AddTraceVerbs();
  void AddReport();
  void AddScenarioVerbs();
  void AddScenarioRun(CLI::App* scenario);
  void AddExplore();
  void AddSimulate();
  void AddReplay();
  void AddTorture();
  void AddChaos();
  void AddProfileVerbs();
  void AddAboutVerbs();

  CLI::App app_;
  CommandLine result_;
  bool chosen_ = false;
};

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

void Parser::AddClusterVerbs() {
  auto [up, up_options] = Verb<UpOptions>(
      &app_, "up", "Start a cluster on this host, every CPU online",
      {"belfry up                        # until Ctrl-C",
       "belfry up --cpus 8 --detach",
       "belfry up --monitoring --detach  # with Prometheus and Alertmanager",
       "belfry up --profile linux-3.0 --set ring_rule=always --detach",
       "belfry up --repair               # start again what has died"});
  UpOptions* options = up_options;
  AddNumber(up, "--cpus", &options->cpus,
            {1, static_cast<int>(kernel::kMaxCpus)},
            "Number of CPUs (default 4)");
  AddRules(up, &options->profile, &options->set);
  up->add_flag("--monitoring", options->monitoring,
               "Prometheus and Alertmanager with Belfry's rules, too");
  up->add_flag("--detach", options->detach, "Leave it running");
  up->add_flag("--repair", options->repair,
               "Start the processes of a cluster that are missing");
  up->add_flag("--gates", options->gates,
               "Let the protocol be held at named points");
  AddDoorbell(up, &options->split_doorbell);
  AddDuration(up, "--csd-lock-timeout", &options->csd_lock_timeout, nullptr,
              "A waiting call older than this is reported stuck (default 5s)");
  AddNumber(up, "--queue-capacity", &options->queue_capacity, {1},
            "Calls that a CPU's queue holds");
  AddNumber(up, "--trace-events", &options->trace_events,
            {0, rpc::kMaxTraceEvents},
            "Protocol events that each CPU keeps (default 16384); 0: none");

  Verb<DownOptions>(&app_, "down", "Take the local cluster down",
                    {"belfry down"});
  Verb<StatusOptions>(&app_, "status", "What runs, and where",
                      {"belfry status", "belfry status -o json"});
  auto [health, health_options] = Verb<HealthOptions>(
      &app_, "health", "Ask every process for its health; 0 when all serve",
      {"belfry health", "belfry health --address 127.0.0.1:7000"});
  health
      ->add_option("--address", health_options->address,
                   "Ask this one process only")
      ->type_name("ADDRESS");
}

void Parser::AddCpuVerbs() {
  CLI::App* cpu = Group("cpu", "The CPUs: list, show, online, offline, ...",
                        {"belfry cpu list", "belfry cpu offline 3"});
  Verb<CpuListOptions>(cpu, "list", "Every CPU in a line",
                       {"belfry cpu list", "belfry cpu list -o name"});
  auto [show, show_options] = Verb<CpuShowOptions>(
      cpu, "show", "One CPU as its own process sees it", {"belfry cpu show 3"});
  AddCpu(show, "CPU", &show_options->cpu, "The CPU")->required();

  auto [fail, fail_options] = Verb<CpuFailOptions>(
      cpu, "fail", "Make one hotplug step of a CPU fail once, with EAGAIN",
      {"belfry cpu show 3                # its steps",
       "belfry cpu fail 3 calls:online", "belfry cpu fail 3 --clear"});
  AddCpu(fail, "CPU", &fail_options->cpu, "The CPU")->required();
  auto* step =
      fail->add_option("STEP", fail_options->step, "The step's name or number");
  fail->add_flag("--clear", fail_options->clear, "Let no step fail")
      ->excludes(step);
}

void Parser::AddHotplugVerbs() {
  CLI::App* cpu = app_.get_subcommand("cpu");
  for (const std::string verb : {"online", "offline"}) {
    auto [app, change_options] = Verb<CpuChangeOptions>(
        cpu, verb, absl::StrCat("Bring CPUs ", verb, ", one after the other"),
        {absl::StrCat("belfry cpu ", verb, " 3"),
         absl::StrCat("belfry cpu ", verb, " 1-2,5 --on 0 --timeout 2m"),
         absl::StrCat("belfry cpu ", verb, " 3 --detach   # see: belfry ops")},
        {.online = verb == "online"});
    app->add_option("LIST", change_options->cpus, "CPUs, as in 0-2,5")
        ->required();
    AddCpu(app, "--on", &change_options->on,
           "The CPU that asks (default: the lowest online one)");
    auto* detach = app->add_flag("--detach", change_options->detach,
                                 "Start the operations, do not wait for them");
    app->add_flag("--wait", kWaitHelp)->excludes(detach);
  }
  auto [cycle, cycle_options] = Verb<CpuCycleOptions>(
      cpu, "cycle", "Take CPUs offline and online again, many times",
      {"belfry cpu cycle 1-3 --count 100 --timeout 2m"});
  cycle->add_option("LIST", cycle_options->cpus, "CPUs, as in 0-2,5")
      ->required();
  AddNumber(cycle, "--count", &cycle_options->count, {1}, "Times (default 1)");
  AddCpu(cycle, "--on", &cycle_options->on, "The CPU that asks");
}

void Parser::AddCallVerbs() {
  auto [call, call_options] = Verb<CallOptions>(
      &app_, "call", "Make one CPU call a function on others",
      {"belfry call 1,3-5 nop", "belfry call all read_state",
       "belfry call 2 echo --payload hello --from 1",
       "belfry call 3 spin --payload 1000 --count 50 --nowait",
       "belfry call 1 echo --payload-file - < data"});
  call->add_option("LIST", call_options->cpus,
                   "Targets, as in 0-2,5, or all: every CPU that is online. "
                   "Several are called by one many-call, unless --count says "
                   "more")
      ->required();
  call->add_option("FUNC", call_options->function, "The function's name")
      ->required();
  auto* nowait = call->add_flag("--nowait", call_options->nowait,
                                "Do not wait for the answers");
  call->add_flag("--wait", kWaitHelp)->excludes(nowait);
  auto* payload = call->add_option("--payload", call_options->payload,
                                   "What the function is given");
  call->add_option("--payload-file", call_options->payload_file,
                   "The same from a file; - is standard input")
      ->excludes(payload)
      ->type_name("FILE");
  AddNumber(call, "--count", &call_options->count, {1},
            "Calls to each CPU (default 1)");
  AddNumber(call, "--window", &call_options->window, {1, 65'536},
            "Of them under way at once (default 1, with --nowait 64)");
  AddCpu(call, "--from", &call_options->from,
         "The CPU that calls (default: the lowest online one)");

  auto [stop, stop_options] = Verb<StopMachineOptions>(
      &app_, "stop-machine",
      "Run a function while every other CPU stands with interrupts masked",
      {"belfry stop-machine nop",
       "belfry stop-machine spin --payload 500 --on "
       "1"});
  stop->add_option("FUNC", stop_options->function, "The function's name")
      ->required();
  stop->add_option("--on", stop_options->on,
                   "The CPUs that run it (default: the lowest online one)")
      ->type_name("LIST");
  stop->add_option("--payload", stop_options->payload,
                   "What the function is given");
  stop->add_flag("--detach", stop_options->detach, "Do not wait for its end");

  auto [two, two_options] = Verb<StopTwoOptions>(
      &app_, "stop-two",
      "Run a function on one CPU while another stands with interrupts masked",
      {"belfry stop-two 1 2", "belfry stop-two 1 2 spin --payload 500 --on 3"});
  two->add_option("A", two_options->a, "The CPU that runs the function")
      ->required();
  two->add_option("B", two_options->b, "The CPU that stands")->required();
  two->add_option("FUNC", two_options->function,
                  "The function's name (default: nop)");
  two->add_option("--payload", two_options->payload,
                  "What the function is given");
  AddCpu(two, "--on", &two_options->on,
         "The CPU whose task asks (default: the lowest online one)");

  auto [kick, kick_options] = Verb<KickOptions>(
      &app_, "kick", "Ring CPUs whatever their queues hold", {"belfry kick 3"});
  kick->add_option("LIST", kick_options->cpus, "CPUs, as in 0-2,5")->required();

  auto [canary, canary_options] = Verb<CanaryOptions>(
      &app_, "canary", "A leak on purpose: does its alert come back?",
      {"belfry canary                    # waits up to 2m for the alert",
       "belfry canary --cpu 3 --timeout 1m", "belfry canary --detach"});
  AddCpu(canary, "--cpu", &canary_options->cpu,
         "The CPU that reports it (default: the lowest online one)");
  canary->add_flag("--detach", canary_options->detach,
                   "Do not wait for the alert");
}

void Parser::AddLoadVerbs() {
  CLI::App* load =
      Group("load", "Emulated block I/O: completions as interrupts",
            {"belfry load start --rate 1000", "belfry load show"});
  auto [start, start_options] = Verb<LoadStartOptions>(
      load, "start",
      "Deliver I/O completions to CPUs; each is steered to its submitter",
      {"belfry load start --rate 1000",
       "belfry load start --on 1 --submitters 3 --count 108",
       "belfry load start --on 1 --rate 50   # changes the rate of a running "
       "one"});
  LoadStartOptions* options = start_options;
  start
      ->add_option("--on", options->on,
                   "CPUs that take the interrupts (default: all online)")
      ->type_name("LIST");
  AddRate(start, "--rate", &options->rate, "Completions a second, each CPU");
  AddNumber(start, "--count", &options->count, {1},
            "Completions in all, each CPU (default: without end)");
  start
      ->add_option("--submitters", options->submitters,
                   "CPUs that submitted the I/O (default: all online)")
      ->type_name("LIST");
  AddNumber(start, "--seed", &options->seed, {},
            "Draws the order of submitters");

  auto [stop, stop_options] = Verb<LoadStopOptions>(
      load, "stop", "Stop it", {"belfry load stop", "belfry load stop --on 1"});
  stop->add_option("--on", stop_options->on, "CPUs (default: all)")
      ->type_name("LIST");
  auto [show, show_options] =
      Verb<LoadShowOptions>(load, "show", "What runs", {"belfry load show"});
  show->add_option("--on", show_options->on, "CPUs (default: all)")
      ->type_name("LIST");
}

void Parser::AddOperationVerbs() {
  CLI::App* ops =
      Group("ops", "The coordinator's operations: list, wait, cancel",
            {"belfry ops list", "belfry ops wait 7"});
  auto [list, list_options] =
      Verb<OpsListOptions>(ops, "list", "What runs and what waits for it",
                           {"belfry ops list", "belfry ops list --all"});
  list->add_flag("--all", list_options->all, "Also what is done");
  auto [wait, wait_options] =
      Verb<OpsWaitOptions>(ops, "wait", "Wait for the end of an operation",
                           {"belfry ops wait 7 --timeout 1m"});
  AddNumber(wait, "ID", &wait_options->id, {1}, "The operation's number")
      ->required();
  auto [cancel, cancel_options] = Verb<OpsCancelOptions>(
      ops, "cancel", "Give an operation up and roll back",
      {"belfry ops cancel 7"});
  AddNumber(cancel, "ID", &cancel_options->id, {1}, "The operation's number")
      ->required();
}

void Parser::AddInsightVerbs() {
  auto [top, top_options] = Verb<TopOptions>(
      &app_, "top", "A live view of every CPU; keys take CPUs down and up",
      {"belfry top", "belfry top --interval 200ms",
       "belfry top -o json                # once, for programs"});
  AddDuration(top, "--interval", &top_options->interval, nullptr,
              "Between two looks (default 1s)");
  Verb<PendingOptions>(&app_, "pending", "Who waits for what, where, how old",
                       {"belfry pending", "belfry pending -o json"});
  auto [dump, dump_options] = Verb<DumpOptions>(
      &app_, "dump", "Every CPU as a crash dump would show it",
      {"belfry dump", "belfry dump --cpu 3"});
  dump->add_option("--cpu", dump_options->cpus, "Only these, as in 0-2,5")
      ->type_name("LIST");
  Verb<client::ExplainOptions>(&app_, "explain",
                               "Why somebody is stuck: the chain of causes",
                               {"belfry explain"});
  Verb<AuditOptions>(
      &app_, "audit",
      "Is every call accounted for? 12 when one is lost, stranded or ran twice",
      {"belfry audit"});
  AddTraceVerbs();
}

void Parser::AddTraceVerbs() {
  CLI::App* trace = Group(
      "trace", "The protocol's events: of the running cluster, or of a file",
      {"belfry trace show", "belfry trace record -o run.trace --duration 10s",
       "belfry trace convert run.trace --to perfetto -o run.json"});
  auto [show, show_options] = Verb<TraceShowOptions>(
      trace, "show", "All events in causal order, as ftrace prints them",
      {"belfry trace show | less", "belfry trace show run.trace"});
  show->add_option("FILE", show_options->file,
                   "A trace; - is standard input; without it: the cluster's");
  auto [record, record_options] = Verb<TraceRecordOptions>(
      trace, "record", "Write the cluster's events to a file",
      {"belfry trace record -o now.trace",
       "belfry trace record -o run.trace --duration 10s"});
  record->add_option("-o,--output", record_options->output, "The file")
      ->type_name("FILE")
      ->required();
  AddDuration(record, "--duration", &record_options->duration, nullptr,
              "Also what comes in this time");
  record
      ->add_option("--max-events", record_options->max_events,
                   "Stop at so many (default 1000000)")
      ->type_name("N");
  auto [convert, convert_options] = Verb<TraceConvertOptions>(
      trace, "convert", "Write a trace in another format",
      {"belfry trace convert run.trace --to perfetto -o run.json",
       "belfry trace convert kernel.ftrace --to belfry -o kernel.trace"});
  convert->add_option("FILE", convert_options->file, "- is standard input")
      ->required();
  AddWord(convert, "--to", &convert_options->to,
          {"ftrace", "perfetto", "belfry"}, "ftrace, perfetto or belfry")
      ->type_name("FORMAT")
      ->required();
  convert
      ->add_option("-o,--output", convert_options->output,
                   "- is standard output")
      ->type_name("FILE")
      ->required();
  AddFileVerb<TraceCheckOptions>(
      trace, "check", "Which invariants does it violate? 12 when one",
      {"belfry trace check run.trace"});
  AddFileVerb<TraceStatOptions>(trace, "stat",
                                "Events by kind and CPU, the span, the gaps",
                                {"belfry trace stat run.trace"});
  AddFileVerb<AnalyzeOptions>(
      &app_, "analyze",
      "What a trace, of a real kernel too, tells of calls, doorbells, hotplug",
      {"belfry analyze kernel.ftrace", "trace-cmd report | belfry analyze -",
       "belfry analyze run.trace -o json"});
}

void Parser::AddConform() {
  auto [conform, options] = Verb<ConformOptions>(
      &app_, "conform",
      "Does profile linux-6.12 walk its hotplug steps as a real kernel did?",
      {"belfry conform offline.ftrace --cpu 3 --op offline",
       "belfry conform offline-fails-at-190.ftrace --op offline --fail 190",
       "belfry conform --fail-table fail-injection-down.tsv --op offline"});
  auto* recording =
      conform
          ->add_option("FILE", options->recording,
                       "What cat trace or trace-cmd report printed, with the "
                       "events cpuhp; - is standard input")
          ->type_name("FILE");
  AddChoice<bool>(conform, "--op", &options->online,
                  {{"offline", false}, {"online", true}},
                  "What was recorded: offline or online")
      ->type_name("OP")
      ->required();
  AddCpu(conform, "--cpu", &options->cpu, "The CPU (default 3)");
  auto* fail =
      conform
          ->add_option("--fail", options->fail,
                       "The step that was made to fail, by number or name")
          ->type_name("STEP");
  conform
      ->add_option("--fail-table", options->fail_table,
                   "A table of injected failures: step, answer, CPUs online, "
                   "state; - is standard input")
      ->type_name("FILE")
      ->excludes(recording)
      ->excludes(fail);
}

void Parser::AddReport() {
  auto [report, report_options] = Verb<ReportOptions>(
      &app_, "report", "A run as one HTML file: a space-time diagram",
      {"belfry report                  # the running cluster, in report.html",
       "belfry report lost.trace -o lost.html",
       "belfry trace show -o json | belfry report - -o now.html"});
  report->add_option("TRACE", report_options->trace,
                     "A trace file; - is standard input (default: the running "
                     "cluster)");
  report
      ->add_option("-o,--output", report_options->output,
                   "The file to write; - is standard output (default "
                   "report.html)")
      ->type_name("FILE");
}

void Parser::AddScenarioVerbs() {
  CLI::App* scenario =
      Group("scenario", "Races as files: list, show, run",
            {"belfry scenario list", "belfry scenario run lost-ipi"});
  Verb<ScenarioListOptions>(scenario, "list", "The built-in ones",
                            {"belfry scenario list"});
  auto [show, show_options] =
      Verb<ScenarioShowOptions>(scenario, "show", "One of them, as its file",
                                {"belfry scenario show lost-ipi"});
  show->add_option("NAME", show_options->scenario, "Its name, or a file")
      ->required();
  AddScenarioRun(scenario);
}

void Parser::AddScenarioRun(CLI::App* scenario) {
  auto [run, run_options] = Verb<ScenarioRunOptions>(
      scenario, "run", "Play it on a cluster of its own, or in memory",
      {"belfry scenario run lost-ipi --profile linux-3.0",
       "belfry scenario run lost-ipi --profile linux-3.0 --on sim --seed 7",
       "belfry scenario run lost-ipi --profile belfry --expect holds",
       "belfry scenario run ./mine.textproto --count 100 -o json",
       "belfry scenario run lost-ipi --profile linux-3.0 --keep   # look around"
       " after"});
  ScenarioRunOptions* options = run_options;
  run->add_option("NAME", options->scenario, "Its name, or a file")->required();
  AddRules(run, &options->profile, &options->set)
      ->each([options](const std::string&) { options->profile_given = true; });
  AddWord(run, "--on", &options->driver,
          {kDriverProcesses, kDriverSim, kDriverExplore},
          "processes (the default); sim: in memory, in an order that --seed "
          "picks; explore: every order, without steps and gates")
      ->type_name("DRIVER");
  AddNumber(run, "--seed", &options->seed, {},
            "Of --on sim: the same seed, the same trace (default 0)");
  AddWord(run, "--expect", &options->expect,
          {"holds", "hang", "violated", "inconclusive"},
          "holds, hang, violated or inconclusive: that one is exit code 0, any "
          "other 1")
      ->type_name("VERDICT");
  AddNumber(run, "--count", &options->count, {1},
            "Runs, summed up (default 1)");
  auto* keep = run->add_flag("--keep", options->keep,
                             "Leave its cluster up and say where");
  run->add_flag("--attach", options->attach,
                "Use the running cluster (started with --gates)")
      ->excludes(keep);
  AddShow(run, &options->show);
}

void Parser::AddExplore() {
  auto [explore, explore_options] = Verb<ExploreCommandOptions>(
      &app_, "explore",
      "Every interleaving of a small machine: 11 when one hangs",
      {"belfry explore lost-ipi --profile linux-3.0",
       "belfry explore lost-ipi --profile linux-3.0 --out hang.textproto",
       "belfry explore lost-ipi --doorbells prompt --set offline_drain=none",
       "belfry explore lost-ipi --profile belfry --drops 1",
       "belfry explore lost-ipi --profile belfry --kills 1 --calls 1",
       "belfry explore lost-ipi --calls 4 --bitstate --memory 8192",
       "belfry explore lost-ipi --cpus 8 --schedules 10000 --scheduler pct"});
  ExploreCommandOptions* options = explore_options;
  explore->add_option("NAME", options->scenario, "A scenario's name, or a file")
      ->required();
  AddRules(explore, &options->profile, &options->set);
  AddWord(explore, "--doorbells", &options->doorbells, {"late", "prompt"},
          "late: of any delay (the default); prompt: taken, or latched where "
          "interrupts are masked, before their target is told anything else")
      ->type_name("WHEN");
  AddNumber(explore, "--cpus", &options->cpus,
            "CPUs, instead of the scenario's");
  AddNumber(explore, "--cycles", &options->cycles,
            "Times that the victim goes and comes back");
  AddNumber(explore, "--calls", &options->async_calls,
            "Interrupts of each other CPU, each of which calls the victim");
  AddNumber(explore, "--drops", &options->drops,
            "Doorbells that may be dropped, at any time (default 0)");
  AddNumber(explore, "--kills", &options->kills,
            "Processes that may be killed, at any time (default 0)");
  AddWord(explore, "--until", &options->until, {"hang", "any"},
          "hang: a wait that cannot end (the default); any: also the first "
          "broken invariant")
      ->type_name("WHAT");
  AddNumber(explore, "--schedules", &options->schedules, {1},
            "Draw so many by chance, where there are too many to see all");
  AddWord(explore, "--scheduler", &options->scheduler, {"uniform", "pct"},
          "uniform: any move is as likely (the default); pct: by priorities")
      ->type_name("WHICH");
  AddNumber(explore, "--depth", &options->depth, {1, 100},
            "pct: moves that must come in order (default 3)");
  AddNumber(explore, "--seed", &options->seed, {},
            "Of the schedules that are drawn (default 1)");
  AddNumber(explore, "--threads", &options->threads, {1, 1024},
            "Threads (default: one for each core)");
  AddNumber(explore, "--states", &options->states, {1},
            "Keep no more states; 3 when that cuts the search short");
  AddNumber(explore, "--memory", &options->memory_mib, {16},
            "Keep no more than so much of them (default 4096)")
      ->type_name("MIB");
  explore->add_flag(
      "--bitstate", options->bit_state,
      "Keep only some bits of each state, for more states than memory holds: "
      "what is not found may be there all the same");
  explore->add_option("--out", options->out, "Write the schedule to this file")
      ->type_name("FILE");
  explore->add_flag("--moves", options->moves, "List the schedule's moves");
}

void Parser::AddSimulate() {
  auto [simulate, options] = Verb<SimulateCommandOptions>(
      &app_, "simulate",
      "A machine in virtual time, many seeds of it, with faults",
      {"belfry simulate --seeds 1-1000 --faults all",
       "belfry simulate --profile linux-3.0 --cycles 10 --out "
       "small.simulation.textproto",
       "belfry simulate small.simulation.textproto --trace small.trace",
       "belfry simulate --cpus 16 --faults kill,coordinator --swarm"});
  simulate->add_option("FILE", options->file,
                       "A simulation to play again, instead of seeds");
  AddRules(simulate, &options->profile, &options->set);
  AddNumber(simulate, "--cpus", &options->cpus, {2, kernel::kMaxCpus},
            "CPUs of the machine (default 4)");
  AddDoorbell(simulate, &options->split_doorbell);
  AddSeeds(simulate, "--seeds,--seed", &options->first_seed,
           &options->last_seed, "One run each (default 1-100)");
  AddNumber(simulate, "--cycles", &options->cycles, {1, 100'000},
            "Times that a CPU goes and comes back, in each run (default 100)");
  AddNumber(simulate, "--calls", &options->calls, {0, 10'000},
            "Calls in each cycle, on average (default 8)");
  AddNumber(simulate, "--block-io", &options->block_ios, {0, 10'000},
            "Block-I/O completions in each cycle, on average (default 8)");
  simulate
      ->add_option(
          "--faults", options->faults,
          absl::StrCat("Which come: all, or of ",
                       absl::StrJoin(lab::kFaultNames, ","), " (default none)"))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("LIST");
  AddNumber(simulate, "--fault-rate", &options->fault_rate, {0, 100},
            "Faults in a hundred cycles (default 30)");
  simulate->add_flag("--swarm", options->swarm,
                     "Machine, load, faults and knobs differ by seed");
  AddChoice<bool>(simulate, "--until", &options->until_hang,
                  {{"any", false}, {"hang", true}},
                  "any: the first broken invariant (the default); hang: a wait "
                  "that cannot end")
      ->type_name("WHAT");
  AddNumber(simulate, "--jobs", &options->jobs, {1, 1024},
            "Threads (default: one for each core)");
  SimulateCommandOptions* shrinking = options;
  simulate->add_flag_callback(
      "--no-shrink", [shrinking] { shrinking->shrink = false; },
      "Leave a run that fails as long as it is");
  simulate
      ->add_option("--out", options->out,
                   "Write the run that fails to this file")
      ->type_name("FILE");
  simulate
      ->add_option("--trace", options->trace,
                   "Write the trace of the run (one seed, a FILE, or the run "
                   "that fails)")
      ->type_name("FILE");
}

void Parser::AddReplay() {
  auto [replay, replay_options] = Verb<ReplayCommandOptions>(
      &app_, "replay",
      "Lead real processes through a schedule or a simulation, event by event",
      {"belfry explore lost-ipi --profile linux-3.0 --out hang.textproto",
       "belfry replay hang.textproto          # exit code 11: it hangs",
       "belfry replay hang.textproto --keep   # look around after",
       "belfry replay hang.textproto --on sim"});
  ReplayCommandOptions* options = replay_options;
  replay
      ->add_option(
          "FILE", options->file,
          "What belfry explore or simulate --out wrote; - is standard input")
      ->required();
  AddWord(replay, "--on", &options->driver, {"processes", "sim"},
          "processes: a cluster of its own (the default); sim: in memory")
      ->type_name("DRIVER");
  replay->add_flag("--keep", options->keep,
                   "Leave its cluster up and say where");
  AddShow(replay, &options->show);
}

void Parser::AddTorture() {
  auto [torture, torture_options] = Verb<TortureOptions>(
      &app_, "torture",
      "Calls of every kind while CPUs come and go, as the kernel's scftorture",
      {"belfry torture --duration 5m",
       "belfry torture --profile linux-3.0 --seed 7   # strands a queue",
       "belfry torture --kill-interval 20s --duration 30m",
       "belfry torture --weight-single-wait 1 --onoff-interval 0s"});
  TortureOptions* options = torture_options;
  AddNumber(torture, "--cpus", &options->machine.cpus,
            {2, static_cast<int>(kernel::kMaxCpus)},
            "CPUs of its cluster (default 8)");
  AddRules(torture, &options->machine.profile, &options->machine.set);
  AddDoorbell(torture, &options->machine.split_doorbell);
  AddDuration(torture, "--csd-lock-timeout", &options->machine.csd_lock_timeout,
              nullptr, "The csd-lock watchdog's (default 5s)");
  AddDuration(torture, "--duration", &options->duration, nullptr,
              "How long (default 60s)");
  AddNumber(torture, "--seed", &options->seed, {}, "Draws what is done");
  AddNumber(torture, "--nthreads", &options->nthreads,
            "Threads, CPU after CPU (default: one a CPU)");
  AddNumber(torture, "--weight-single", &options->weight_single,
            "Asynchronous calls to one CPU (default: twice the CPUs)");
  AddNumber(torture, "--weight-single-rpc", &options->weight_single_rpc,
            "... whose handler wakes the caller (default: the same)");
  AddNumber(torture, "--weight-single-wait", &options->weight_single_wait,
            "Waiting calls to one CPU (default: the same)");
  AddNumber(torture, "--weight-many", &options->weight_many,
            "Asynchronous calls to CPUs by a mask (default: 2)");
  AddNumber(torture, "--weight-many-wait", &options->weight_many_wait,
            "Waiting calls to CPUs by a mask (default: 2)");
  AddNumber(torture, "--weight-all", &options->weight_all,
            "Asynchronous calls to all other CPUs (default: 1)");
  AddNumber(torture, "--weight-all-wait", &options->weight_all_wait,
            "Waiting calls to all other CPUs (default: 1)");
  AddNumber(torture, "--weight-irq", &options->weight_irq,
            "Block I/O, completed from interrupts (default: four times the "
            "CPUs); where one weight is above 0, the others are 0");
  AddDuration(torture, "--longwait", &options->longwait, nullptr,
              "A handler in a thousand takes so long (default: none)");
  AddDuration(torture, "--stutter", &options->stutter, nullptr,
              "Run for so long, rest for so long (default: no rest)");
  AddDuration(torture, "--onoff-holdoff", &options->onoff_holdoff, nullptr,
              "No hotplug before");
  AddInterval(torture, "--onoff-interval", &options->onoff_interval,
              "Between hotplug operations (default 100ms); 0s: none");
  AddInterval(torture, "--stat-interval", &options->stat_interval,
              "Between statistics (default 15s); 0s: none");
  AddDuration(torture, "--kill-interval", &options->kill_interval, nullptr,
              "Kill a node's process, and start it again, so often");
  torture->add_flag("--keep-going", options->keep_going,
                    "Do not end at the first failure");
  torture->add_flag("--keep", options->keep,
                    "Leave its cluster up and say where");
}

void Parser::AddChaos() {
  auto [chaos, chaos_options] = Verb<ChaosOptions>(
      &app_, "chaos",
      "Kills, pauses and a bad network, while all goes on; then is it whole?",
      {"belfry chaos --seed 7", "belfry chaos --duration 1h --log chaos.jsonl",
       "belfry chaos --faults kill-in-stop,one-way --fault-interval 200ms",
       "belfry chaos --profile linux-3.0   # does not survive"});
  ChaosOptions* options = chaos_options;
  AddNumber(chaos, "--cpus", &options->machine.cpus, {2, 128},
            "CPUs of its cluster (default 8)");
  AddRules(chaos, &options->machine.profile, &options->machine.set);
  AddDoorbell(chaos, &options->machine.split_doorbell);
  AddNumber(chaos, "--queue-capacity", &options->machine.queue_capacity, {1},
            "Calls that a CPU's queue holds");
  AddDuration(chaos, "--duration", &options->duration, nullptr,
              "Of faults; the rests come on top (default 60s)");
  AddNumber(chaos, "--seed", &options->seed, {},
            "Draws what is done, and when");
  chaos
      ->add_option("--faults", options->faults,
                   absl::StrCat("Of ", absl::StrJoin(kChaosNames, ","),
                                " (default: all)"))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("LIST");
  AddDuration(chaos, "--fault-interval", &options->fault_interval, nullptr,
              "Between two faults, on average (default 500ms)");
  AddDuration(chaos, "--rest-interval", &options->rest_interval, nullptr,
              "Of faults between two rests, at which all is judged (default "
              "20s)");
  AddDuration(chaos, "--onoff-interval", &options->onoff_interval, nullptr,
              "Between two hotplug operations (default 50ms)");
  AddNumber(chaos, "--nthreads", &options->nthreads,
            "The torture's threads, CPU after CPU (default: one a CPU)");
  AddInterval(chaos, "--stutter", &options->stutter,
              "They run for so long, rest for so long (default 50ms); 0s: no "
              "rest");
  AddInterval(chaos, "--stat-interval", &options->stat_interval,
              "Between statistics (default 15s); 0s: none");
  chaos
      ->add_option("--log", options->log,
                   "What was done and when, a JSON object a line")
      ->type_name("FILE");
  chaos
      ->add_option("--trace", options->trace,
                   "Where the trace goes in which a failure shows")
      ->type_name("FILE");
}

void Parser::AddProfileVerbs() {
  CLI::App* profile =
      Group("profile", "The rules: presets and their knobs",
            {"belfry profile list", "belfry profile diff linux-3.0 belfry"});
  Verb<ProfileListOptions>(profile, "list", "The presets",
                           {"belfry profile list"});
  auto [show, show_options] = Verb<ProfileShowOptions>(
      profile, "show", "Every knob of one, and what it decides",
      {"belfry profile show linux-3.0",
       "belfry profile show belfry --set ring_rule=always"});
  show->add_option("PROFILE", show_options->profile, "The preset")->required();
  AddSet(show, &show_options->set);
  auto [diff, diff_options] =
      Verb<ProfileDiffOptions>(profile, "diff", "The knobs that differ",
                               {"belfry profile diff linux-3.0 belfry"});
  diff->add_option("LEFT", diff_options->left, "A preset")->required();
  diff->add_option("RIGHT", diff_options->right, "Another")->required();
}

void Parser::AddAboutVerbs() {
  auto [logs, logs_options] =
      Verb<LogsOptions>(&app_, "logs", "The end of a local process's log",
                        {"belfry logs 3", "belfry logs coordinator --lines 100",
                         "belfry logs 3 -o name   # the file"});
  logs->add_option("PROCESS", logs_options->process,
                   "A CPU, or coordinator (default: all)");
  AddNumber(logs, "--lines", &logs_options->lines, {1},
            "How many (default 20)");
  Verb<VersionOptions>(&app_, "version", "Which build this is",
                       {"belfry version -o json"});
  auto [completion, completion_options] = Verb<CompletionOptions>(
      &app_, "completion", "A script that completes verbs and flags",
      {"source <(belfry completion bash)",
       "belfry completion zsh > ~/.zfunc/_belfry",
       "belfry completion fish | source"});
  AddWord(completion, "SHELL", &completion_options->shell,
          {"bash", "zsh", "fish"}, "bash, zsh or fish")
      ->required();
}

}  // namespace

CommandLine ParseCommandLine(int argc, char** argv, std::ostream& out,
                             std::ostream& err) {
  return Parser().Parse(argc, argv, out, err);
}

}  // namespace belfry::client
