// The grammar of the command line: every verb with its flags, each of which
// fills in a plain struct of client/options.h. Only client/command_line.cc and
// the sources that define verbs include this: CLI11 takes five seconds to
// compile.
#ifndef BELFRY_CLIENT_PARSER_H_
#define BELFRY_CLIENT_PARSER_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/command_line.h"
#include "client/options.h"

namespace belfry::client {

class Parser {
 public:
  Parser();

  CommandLine Parse(int argc, char** argv, std::ostream& out,
                    std::ostream& err);

 private:
  CommandLine Ended(int exit_code);

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

  // Verbs under one word.
  CLI::App* Group(const std::string& name, const std::string& help,
                  const std::vector<std::string>& examples);

  // A verb about one trace.
  template <typename Options>
  void AddFileVerb(CLI::App* parent, const std::string& name,
                   const std::string& help,
                   const std::vector<std::string>& examples) {
    auto [app, options] = Verb<Options>(parent, name, help, examples);
    app->add_option("FILE", options->file, "A trace; - is standard input")
        ->required();
  }

  // "  $ belfry status" for each.
  static std::string Examples(const std::vector<std::string>& lines);

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

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_PARSER_H_
