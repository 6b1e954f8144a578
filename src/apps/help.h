#pragma once

#include <memory>

namespace CLI {
class FormatterBase;
}

namespace legrad::apps {

/// Help texts that fit a terminal: options with their value's name and nothing else, descriptions wrapped.
std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace legrad::apps
