#pragma once

#include <string>

namespace legrad::graph {

/// Looks at one record of an archive's code, token by token as TorchScript reads it. Refused are `__setstate__`, which
/// would run while the file is loaded; operators that touch files, call Python or are of unknown namespaces; custom
/// classes; nesting that would overflow the stack of whoever compiles it, and constants that LibTorch would never be
/// done with. Throws `ModelError`, which begins with the record's name. Returns how many functions and classes it
/// defines.
size_t check_code(const std::string& code, const std::string& record);

}  // namespace legrad::graph
