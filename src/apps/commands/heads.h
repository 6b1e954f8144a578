#pragma once

namespace CLI {
class App;
}

namespace legrad::apps {

/// Adds `legrad heads`.
void add_heads(CLI::App& program);

}  // namespace legrad::apps
