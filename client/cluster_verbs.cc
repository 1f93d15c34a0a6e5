// The verbs that drive a cluster, and those about the command line itself.
#include <string>

#include "client/flags.h"
#include "client/parser.h"
#include "kernel/ids.h"
#include "rpc/trace_ring.h"

namespace belfry::client {
namespace {

// A string object: CLI11 would take a literal for a variable to fill in.
const std::string kWaitHelp = "Wait for them (the default)";

}  // namespace

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
  AddNumber(cycle, "--count", &cycle_options->count, {1, 1'000'000},
            "Times (default 1)");
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
       "belfry stop-machine spin --payload 500 --on 1",
       "belfry stop-machine nop --count 100   # how fast?"});
  stop->add_option("FUNC", stop_options->function, "The function's name")
      ->required();
  stop->add_option("--on", stop_options->on,
                   "The CPUs that run it (default: the lowest online one)")
      ->type_name("LIST");
  stop->add_option("--payload", stop_options->payload,
                   "What the function is given");
  auto* rounds =
      AddNumber(stop, "--count", &stop_options->count, {1, 1'000'000},
                "Rounds, one after the other (default 1)");
  stop->add_flag("--detach", stop_options->detach, "Do not wait for its end")
      ->excludes(rounds);

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

}  // namespace belfry::client
