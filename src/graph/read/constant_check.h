#pragma once

#include <string>

namespace legrad::graph {

/// LibTorch works out what follows from constants alone while it compiles a function, whatever that takes: texts that
/// double, tuples of tuples, a division of whole numbers by 0, which stops the process. Follows every variable of every
/// function in a record of an archive's code and throws `ModelError`, without the record's name, where one could become
/// such. Its nesting was checked (check_code).
void check_constants(const std::string& code, const std::string& record);

}  // namespace legrad::graph
