// The coordinator's flags.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "coordinator/process.h"
#include "kernel/ids.h"
#include "rpc/log.h"
#include "rpc/memory.h"
#include "rpc/signals.h"
#include "rpc/version.h"

namespace belfry::coordinator {
namespace {

// As they stand on the command line, before they are understood.
struct Flags {
  Options options;
  std::string profile = "belfry";
  std::vector<std::string> knobs;
  std::string doorbell = "fused";
  std::string csd_lock_timeout = "5s";
  std::string stop_lease;
  std::string store;
  std::string leader_lease = "2s";
};

void AddFlags(CLI::App* app, Flags* flags) {
  Options& options = flags->options;
  app->add_option("--listen", options.listen,
                  "where to serve: host:port (port 0: any) or unix:PATH")
      ->envname("BELFRY_LISTEN")
      ->capture_default_str();
  app->add_option("--advertise", options.advertise,
                  "where the others tell that it leads: host[:port]; of a "
                  "name's addresses the one that is this host's; default: "
                  "--listen")
      ->envname("BELFRY_ADVERTISE");
  app->add_option("--metrics-listen", options.metrics_listen,
                  "where to serve HTTP (the live page, /metrics, /targets): "
                  "host:port")
      ->envname("BELFRY_METRICS_LISTEN")
      ->capture_default_str();
  app->add_option("--advertise-metrics", options.advertise_metrics,
                  "where /targets tells Prometheus to scrape the coordinator: "
                  "host[:port]; default: --metrics-listen")
      ->envname("BELFRY_ADVERTISE_METRICS");
  app->add_flag("--auto-online", options.auto_online,
                "bring the CPU of every new process online")
      ->envname("BELFRY_AUTO_ONLINE");
  app->add_option("--state-dir", options.state_dir,
                  "an existing folder for the journal of one coordinator alone")
      ->envname("BELFRY_STATE_DIR")
      ->check(CLI::ExistingDirectory);
  app->add_option("--store", flags->store,
                  "instead: the journal of several, of which one leads: "
                  "etcd:HOST:PORT,HOST:PORT,...[/PREFIX]")
      ->envname("BELFRY_STORE");
  app->add_option(
         "--leader-lease", flags->leader_lease,
         "with --store: how long it takes until another leads when the "
         "one that leads is gone")
      ->envname("BELFRY_LEADER_LEASE")
      ->capture_default_str();
  app->add_option("--address-file", options.address_file,
                  "write address=, metrics= and pid= here when ready");
  app->add_option("--cpus", options.cpus, "possible CPUs")
      ->envname("BELFRY_CPUS")
      ->check(CLI::Range(1u, kernel::kMaxCpus))
      ->capture_default_str();
  app->add_option("--profile", flags->profile, "the rules: a preset's name")
      ->envname("BELFRY_PROFILE")
      ->capture_default_str();
  app->add_option("--set", flags->knobs, "one knob on top: knob=value");
  app->add_option("--doorbell", flags->doorbell,
                  "whether the doorbell travels with its call")
      ->check(CLI::IsMember({"fused", "split"}))
      ->capture_default_str();
  app->add_option("--csd-lock-timeout", flags->csd_lock_timeout,
                  "when a waiting call is reported as stuck: 5s, 500ms")
      ->capture_default_str();
  app->add_option("--stop-lease", flags->stop_lease,
                  "how long a CPU trusts a stop_machine of which it hears "
                  "nothing (profile belfry); default: 300ms, and 1h with "
                  "--gates")
      ->type_name("TIME");
  app->add_option("--queue-capacity", options.queue_capacity,
                  "calls that a CPU's queue holds")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  app->add_flag("--gates", options.gates,
                "let clients hold the protocol at named points")
      ->envname("BELFRY_GATES");
  app->set_version_flag("--version", rpc::Version());
}

absl::StatusOr<absl::Duration> ParseTime(absl::string_view flag,
                                         const std::string& text,
                                         absl::string_view example) {
  absl::Duration time;
  if (absl::ParseDuration(text, &time) && time >= absl::Milliseconds(10)) {
    return time;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      flag, " ", text, ": a time of at least 10ms is right, like ", example));
}

// One of two places, and what belongs to the second.
absl::Status ChooseStore(const Flags& flags, Options* options) {
  if (options->state_dir.empty() == flags.store.empty()) {
    return absl::InvalidArgumentError(
        "the journal needs one place: --state-dir DIR, or --store "
        "etcd:HOST:PORT,... where several coordinators share it");
  }
  if (flags.store.empty()) return absl::OkStatus();
  auto etcd = ParseEtcdPlace(flags.store);
  if (!etcd.ok()) return etcd.status();
  options->etcd = *std::move(etcd);
  absl::Duration lease;
  if (!absl::ParseDuration(flags.leader_lease, &lease) ||
      lease < absl::Seconds(1) || lease > absl::Minutes(1) ||
      lease != absl::Floor(lease, absl::Seconds(1))) {
    return absl::InvalidArgumentError(
        absl::StrCat("--leader-lease ", flags.leader_lease,
                     ": whole seconds, from 1s to 60s, are right, like 2s"));
  }
  options->leader_lease = absl::ToChronoSeconds(lease);
  return absl::OkStatus();
}

absl::StatusOr<Options> Understand(Flags flags) {
  const absl::Status store = ChooseStore(flags, &flags.options);
  if (!store.ok()) return store;
  auto profile = kernel::PresetByName(flags.profile);
  if (!profile.ok()) return profile.status();
  for (const std::string& knob : flags.knobs) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(knob, absl::MaxSplits('=', 1));
    const absl::Status status =
        kernel::SetKnob(&*profile, parts.first, parts.second);
    if (!status.ok()) return status;
  }
  const auto timeout =
      ParseTime("--csd-lock-timeout", flags.csd_lock_timeout, "5s");
  if (!timeout.ok()) return timeout.status();
  // A gate holds an event for as long as somebody wants: that is no slow CPU.
  if (flags.stop_lease.empty()) {
    flags.stop_lease = flags.options.gates ? "1h" : "300ms";
  }
  const auto lease = ParseTime("--stop-lease", flags.stop_lease, "300ms");
  if (!lease.ok()) return lease.status();
  flags.options.profile = *std::move(profile);
  flags.options.csd_lock_timeout = absl::ToChronoNanoseconds(*timeout);
  flags.options.stop_lease = absl::ToChronoNanoseconds(*lease);
  flags.options.split_doorbell = flags.doorbell == "split";
  return std::move(flags.options);
}

int Serve(Options options) {
  rpc::Signals signals;
  auto process = Process::Start(std::move(options));
  if (!process.ok()) {
    rpc::Log(rpc::Level::kError, "coordinator", process.status().message());
    return 1;
  }
  // A second signal ends at once.
  signals.Watch([&process, seen = false](int) mutable {
    if (std::exchange(seen, true)) ::_exit(1);
    (*process)->Stop();
  });
  const absl::Status status = (*process)->Run();
  signals.Stop();
  if (status.ok()) return 0;
  rpc::Log(rpc::Level::kError, "coordinator", status.message());
  return 1;
}

int Main(int argc, char** argv) {
  rpc::EndWhenOutOfMemory();
  Flags flags;
  CLI::App app("belfry-coordinator: CPU hotplug and the stop_machine barrier");
  app.footer(
      "Example:\n  belfry-coordinator --listen 127.0.0.1:7070 --cpus 4 "
      "--state-dir /var/lib/belfry\n\n"
      "With --store any number of them may run: one leads, the others stand by "
      "and answer who leads.");
  AddFlags(&app, &flags);
  // CLI11 reports by exceptions and exit codes of its own; they end here.
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  auto options = Understand(std::move(flags));
  if (!options.ok()) {
    rpc::Log(rpc::Level::kError, "coordinator", options.status().message());
    return 2;
  }
  return Serve(*std::move(options));
}

}  // namespace
}  // namespace belfry::coordinator

int main(int argc, char** argv) {
  return belfry::coordinator::Main(argc, argv);
}
