#include <legrad/method_option.h>

#include "methods/option_value.h"

namespace legrad {
namespace {

struct Name {
  std::string operator()(const takes::Blocks& /*type*/) const { return "blocks"; }
  std::string operator()(const takes::Block& /*type*/) const { return "block"; }
  std::string operator()(const takes::Number& /*type*/) const { return "number"; }
  std::string operator()(const takes::Numbers& /*type*/) const { return "numbers"; }
  std::string operator()(const takes::YesNo& /*type*/) const { return "yes/no"; }
  std::string operator()(const takes::OneOf& /*type*/) const { return "name"; }
};

struct Words {
  std::string operator()(const takes::Blocks& /*type*/) const {
    return "blocks counted from 0, as in 0,3,-1 or 6: or -4: or all";
  }
  std::string operator()(const takes::Block& /*type*/) const {
    return "a block counted from 0, or from the end, as -1";
  }
  std::string operator()(const takes::Number& type) const {
    return "a number from " + methods::spelled(type.least) + " to " + (type.below ? "below " : "") +
           methods::spelled(type.most);
  }
  std::string operator()(const takes::Numbers& /*type*/) const { return "numbers, as in 1,0.5,2"; }
  std::string operator()(const takes::YesNo& /*type*/) const { return "yes or no"; }
  std::string operator()(const takes::OneOf& type) const {
    std::string text;
    for (size_t i = 0; i < type.names.size(); ++i) {
      const bool last = i + 1 == type.names.size();
      text += (i == 0 ? "" : last ? " or " : ", ") + type.names[i];
    }
    return text;
  }
};

}  // namespace

std::string type_name(const OptionType& type) { return std::visit(Name{}, type); }

std::string to_string(const OptionType& type) { return std::visit(Words{}, type); }

}  // namespace legrad
