#pragma once

namespace CLI {
class App;
}

namespace legrad::apps {

/// Adds `legrad inspect`.
void add_inspect(CLI::App& program);

}  // namespace legrad::apps
