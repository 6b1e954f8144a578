#pragma once

#include <legrad/error.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <iostream>
#include <string>

namespace legrad::bench {

/// Reads the command line and does the work; what is thrown becomes one line, and 2 for bad input or 1 for a fault.
inline int run_program(const char* name, CLI::App& app, int argc, char** argv, const std::function<void()>& work) {
  try {
    app.parse(argc, argv);
    work();
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const Error& error) {
    std::cerr << name << ": error: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    const std::string what = error.what();
    std::cerr << name << ": internal error: " << what.substr(0, what.find('\n')) << "\n";
    return 1;
  }
}

}  // namespace legrad::bench
