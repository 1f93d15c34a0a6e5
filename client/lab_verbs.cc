// The verbs about traces, scenarios and searches, and those that try a cluster
// hard.
#include <string>
#include <vector>

#include "client/chaos_schedule.h"
#include "client/flags.h"
#include "client/parser.h"
#include "kernel/ids.h"
#include "lab/simulation_maker.h"

namespace belfry::client {

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

}  // namespace belfry::client
