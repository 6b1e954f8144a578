#pragma once

#include <string>
#include <vector>

namespace legrad::graph {

/// The two kinds of archive that are read.
enum class ArchiveKind { kTorchScript, kExportedProgram };

/// Tells an archive's kind by the names of its records, less the folder that all of them lie in. Throws `ModelError`,
/// without the archive's name, unless it is one of the two and holds nothing but what such an archive has: a record
/// that LibTorch might find and nobody looked at could hold anything.
ArchiveKind check_record_names(const std::vector<std::string>& names);

}  // namespace legrad::graph
