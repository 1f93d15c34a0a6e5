// What the command line said, as plain data: a struct for each verb.
#ifndef BELFRY_CLIENT_OPTIONS_H_
#define BELFRY_CLIENT_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "rpc/trace_ring.h"

namespace belfry::client {

enum class Format { kTable, kJson, kName };
enum class ColorMode { kAuto, kAlways, kNever };

// Flags that every verb takes.
struct GlobalOptions {
  // Empty: the one that the state directory names.
  std::string coordinator;
  std::string state_dir;
  Format format = Format::kTable;
  bool headers = true;
  ColorMode color = ColorMode::kAuto;
  absl::Duration timeout = absl::Seconds(10);
  // Said by the user: verbs that take longer by nature have a default of their
  // own.
  bool timeout_given = false;
};

// A machine of one's own: `up` and `scenario run` start one.
struct UpOptions {
  int cpus = 4;
  std::string profile = "belfry";
  // "knob=value".
  std::vector<std::string> set;
  bool split_doorbell = false;
  bool gates = false;
  absl::Duration csd_lock_timeout = absl::Seconds(5);
  // 0: the coordinator's own default.
  std::uint32_t queue_capacity = 0;
  // Protocol events that each CPU's process keeps.
  std::uint32_t trace_events = rpc::kTraceEvents;
  // Prometheus and Alertmanager, too.
  bool monitoring = false;
  bool detach = false;
  bool repair = false;
};
struct DownOptions {};
struct StatusOptions {};
struct HealthOptions {
  // One process; empty: all of the cluster.
  std::string address;
};
struct VersionOptions {};

// The verbs as a tree, for the completion scripts.
struct VerbTree {
  std::string name;
  std::string help;
  std::vector<std::string> flags;
  // Those that the next word belongs to, short ones too.
  std::vector<std::string> valued_flags;
  std::vector<VerbTree> verbs;
};
struct CompletionOptions {
  std::string shell;
  VerbTree root;
};

struct CpuListOptions {};
struct CpuShowOptions {
  std::uint32_t cpu = 0;
};
struct CpuChangeOptions {
  bool online = false;
  std::string cpus;
  // The CPU that asks.
  std::optional<std::uint32_t> on;
  bool detach = false;
};
struct CpuCycleOptions {
  std::string cpus;
  std::uint32_t count = 1;
  std::optional<std::uint32_t> on;
};
struct CpuFailOptions {
  std::uint32_t cpu = 0;
  // A number or a name.
  std::string step;
  bool clear = false;
};

struct CallOptions {
  std::string cpus;
  std::string function;
  bool nowait = false;
  std::string payload;
  // "-" is standard input.
  std::string payload_file;
  std::uint32_t count = 1;
  // 0: the node's default.
  std::uint32_t window = 0;
  std::optional<std::uint32_t> from;
};
struct StopMachineOptions {
  std::string function;
  std::string on;
  std::string payload;
  std::uint32_t count = 1;
  bool detach = false;
};
struct StopTwoOptions {
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  std::string function = "nop";
  std::string payload;
  // The CPU whose task asks.
  std::optional<std::uint32_t> on;
};
struct KickOptions {
  std::string cpus;
};
struct CanaryOptions {
  // The node that reports it.
  std::optional<std::uint32_t> cpu;
  // Do not wait for its alert.
  bool detach = false;
};

struct LoadStartOptions {
  // Where completions arrive; empty: every online CPU.
  std::string on;
  double rate = 0;
  std::uint64_t count = 0;
  std::string submitters;
  std::uint64_t seed = 1;
};
struct LoadStopOptions {
  std::string on;
};
struct LoadShowOptions {
  std::string on;
};

struct ProfileListOptions {};
struct ProfileShowOptions {
  std::string profile;
  std::vector<std::string> set;
};
struct ProfileDiffOptions {
  std::string left;
  std::string right;
};

struct OpsListOptions {
  bool all = false;
};
struct OpsWaitOptions {
  std::uint32_t id = 0;
};
struct OpsCancelOptions {
  std::uint32_t id = 0;
};

struct LogsOptions {
  // "3", "cpu/3", "coordinator"; empty: every process.
  std::string process;
  std::uint32_t lines = 20;
};

struct TopOptions {
  absl::Duration interval = absl::Seconds(1);
};
struct PendingOptions {};
struct DumpOptions {
  // Empty: all.
  std::string cpus;
};
struct ExplainOptions {};
struct AuditOptions {};
// A trace's FILE may be "-", which is standard input or output.
struct TraceShowOptions {
  // Empty: what the running cluster's rings hold.
  std::string file;
};
struct TraceRecordOptions {
  std::string output;
  // Zero: what the rings hold now, and no more.
  absl::Duration duration;
  std::uint64_t max_events = 1'000'000;
};
struct TraceConvertOptions {
  std::string file;
  // "ftrace", "perfetto", "belfry".
  std::string to;
  std::string output;
};
struct TraceCheckOptions {
  std::string file;
};
struct TraceStatOptions {
  std::string file;
};
struct AnalyzeOptions {
  std::string file;
};

struct ConformOptions {
  // A recording; or a table of injected failures.
  std::string recording;
  std::string fail_table;
  std::uint32_t cpu = 3;
  bool online = false;
  // A number or a name; empty: none.
  std::string fail;
};
struct ReportOptions {
  // A file; empty: the running cluster.
  std::string trace;
  // "-" is standard output.
  std::string output = "report.html";
};

struct ScenarioListOptions {};
struct ScenarioShowOptions {
  std::string scenario;
};
// What is shown of a run in which nothing is wrong.
struct ShowOptions {
  bool explain = false;
  bool picture = false;
};

inline constexpr char kDriverProcesses[] = "processes";
inline constexpr char kDriverSim[] = "sim";
inline constexpr char kDriverExplore[] = "explore";

struct ScenarioRunOptions {
  // A built-in one's name, or a file.
  std::string scenario;
  std::string profile = "belfry";
  // Said by the user: with --attach it must be the running cluster's.
  bool profile_given = false;
  std::vector<std::string> set;
  // What plays the machine.
  std::string driver = kDriverProcesses;
  // Of the order in which things move in memory.
  std::uint64_t seed = 0;
  // A verdict; empty: none.
  std::string expect;
  std::uint32_t count = 1;
  // Leave the temporary cluster up.
  bool keep = false;
  // Use the running cluster.
  bool attach = false;
  ShowOptions show;
};

struct ExploreCommandOptions {
  // A built-in one's name, or a file.
  std::string scenario;
  std::string profile = "belfry";
  std::vector<std::string> set;
  // "late", "prompt".
  std::string doorbells = "late";
  // Instead of the scenario's.
  std::optional<std::uint32_t> cpus;
  std::optional<std::uint32_t> cycles;
  std::optional<std::uint32_t> async_calls;
  std::optional<std::uint32_t> drops;
  std::optional<std::uint32_t> kills;
  // "hang", "any".
  std::string until = "hang";
  // Draw so many by chance, instead of seeing all; 0: see all.
  std::uint64_t schedules = 0;
  // "uniform", "pct".
  std::string scheduler = "uniform";
  std::uint32_t depth = 3;
  std::uint64_t seed = 1;
  // 0: one for each core.
  unsigned threads = 0;
  // Bounds; 0: no bound of states, and of memory the usual one.
  std::size_t states = 0;
  std::size_t memory_mib = 0;
  bool bit_state = false;
  // Where the schedule goes; empty: nowhere.
  std::string out;
  // List the schedule's moves.
  bool moves = false;
};

struct SimulateCommandOptions {
  // A simulation that is played again; empty: seeds are.
  std::string file;
  std::string profile = "belfry";
  std::vector<std::string> set;
  std::uint32_t cpus = 4;
  bool split_doorbell = false;
  std::uint64_t first_seed = 1;
  std::uint64_t last_seed = 100;
  std::uint32_t cycles = 100;
  std::uint32_t calls = 8;
  std::uint32_t block_ios = 8;
  // Names of faults; empty: none.
  std::vector<std::string> faults;
  std::uint32_t fault_rate = 30;
  bool swarm = false;
  // Only a hang is a failure.
  bool until_hang = false;
  // 0: as many as there are cores.
  std::uint32_t jobs = 0;
  bool shrink = true;
  // Where the run that fails goes, and its trace; empty: nowhere.
  std::string out;
  std::string trace;
};

// Names and meaning are scftorture's, where it has the parameter.
struct TortureOptions {
  UpOptions machine = {.cpus = 8};
  absl::Duration duration = absl::Seconds(60);
  std::uint64_t seed = 1;
  // Absent: one a CPU.
  std::optional<std::uint32_t> nthreads;
  // Absent: the default, or 0 where one that is given is not.
  std::optional<std::uint32_t> weight_single;
  std::optional<std::uint32_t> weight_single_rpc;
  std::optional<std::uint32_t> weight_single_wait;
  std::optional<std::uint32_t> weight_many;
  std::optional<std::uint32_t> weight_many_wait;
  std::optional<std::uint32_t> weight_all;
  std::optional<std::uint32_t> weight_all_wait;
  std::optional<std::uint32_t> weight_irq;
  absl::Duration longwait;
  absl::Duration stutter;
  absl::Duration onoff_holdoff;
  // Zero: no hotplug.
  absl::Duration onoff_interval = absl::Milliseconds(100);
  absl::Duration stat_interval = absl::Seconds(15);
  // Zero: no process is killed.
  absl::Duration kill_interval;
  bool keep_going = false;
  // Leave the temporary cluster up.
  bool keep = false;
};

struct ChaosOptions {
  UpOptions machine = {.cpus = 8};
  // Of faults; the rests come on top.
  absl::Duration duration = absl::Seconds(60);
  std::uint64_t seed = 1;
  // Names of kinds; empty: all that there are here.
  std::vector<std::string> faults;
  // Between two, on average.
  absl::Duration fault_interval = absl::Milliseconds(500);
  // Of faults between two rests.
  absl::Duration rest_interval = absl::Seconds(20);
  // Between the end of a hotplug operation and the next.
  absl::Duration onoff_interval = absl::Milliseconds(50);
  // The torture's; absent: one a CPU.
  std::optional<std::uint32_t> nthreads;
  // They work for so long, and rest for so long.
  absl::Duration stutter = absl::Milliseconds(50);
  absl::Duration stat_interval = absl::Seconds(15);
  // What was done and when, as JSON lines; empty: nowhere.
  std::string log;
  // Where the trace goes that was judged to fail; empty: nowhere.
  std::string trace;
};

struct ReplayCommandOptions {
  // A schedule; "-" is standard input.
  std::string file;
  // "processes", "sim".
  std::string driver = "processes";
  // Leave the temporary cluster up.
  bool keep = false;
  ShowOptions show;
};

using Command = std::variant<
    UpOptions, DownOptions, StatusOptions, HealthOptions, VersionOptions,
    CompletionOptions, CpuListOptions, CpuShowOptions, CpuChangeOptions,
    CpuCycleOptions, CpuFailOptions, CallOptions, StopMachineOptions,
    StopTwoOptions, KickOptions, CanaryOptions, LoadStartOptions,
    LoadStopOptions, LoadShowOptions, ProfileListOptions, ProfileShowOptions,
    ProfileDiffOptions, OpsListOptions, OpsWaitOptions, OpsCancelOptions,
    LogsOptions, PendingOptions, DumpOptions, ExplainOptions, AuditOptions,
    TraceShowOptions, TraceRecordOptions, TraceConvertOptions,
    TraceCheckOptions, TraceStatOptions, AnalyzeOptions, ReportOptions,
    ConformOptions, ScenarioListOptions, ScenarioShowOptions,
    ScenarioRunOptions, ExploreCommandOptions, ReplayCommandOptions,
    SimulateCommandOptions, TortureOptions, ChaosOptions, TopOptions>;

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_OPTIONS_H_
