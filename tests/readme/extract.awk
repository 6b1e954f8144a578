# Cuts the code blocks out of a Markdown file, into OUT/block-<line>.{cpp,sh,cmake}, and prints "<kind> <line>" for each:
# program (C++ with a main), statements (C++ without; wrapped here into a function), shell, cmake, or
# unknown:<language>. Blocks of text, json or no language are not code, and
# `<!-- not run: reason -->` on the line before a block leaves that one out.
#
#   awk -v OUT=<folder> -f extract.awk README.md

function language_kind(language) {
  if (language ~ /^(cpp|c\+\+)$/) return "cpp"
  if (language ~ /^(bash|sh|shell|console)$/) return "shell"
  if (language == "cmake") return "cmake"
  if (language ~ /^(text|json|)$/) return "text"
  return "unknown:" language
}

function write_cpp(    file, i) {
  file = OUT "/block-" first ".cpp"
  printf "" > file
  if (has_main) {
    for (i = 1; i <= count; ++i) print lines[i] >> file
  } else {
    # #include lines belong in front of the function that the rest becomes. The inner braces let a block
    # define names of its own over those that readme/surroundings.h gives it.
    print "#include \"readme/surroundings.h\"" >> file
    for (i = 1; i <= count; ++i) if (lines[i] ~ /^#include/) print lines[i] >> file
    print "void block_" first "();\nvoid block_" first "() {{" >> file
    print "#line " first + 1 " \"README.md\"" >> file
    for (i = 1; i <= count; ++i) print (lines[i] ~ /^#include/) ? "" : lines[i] >> file
    print "}}" >> file
  }
  close(file)
  print (has_main ? "program " : "statements ") first
}

function write_lines(file,    i) {
  printf "" > file
  for (i = 1; i <= count; ++i) print lines[i] >> file
  close(file)
}

!inside && /^ *```/ {
  inside = 1; first = NR; count = 0; has_main = 0
  language = $0; sub(/^ *```/, "", language); sub(/[ {].*$/, "", language)
  kind = skip ? "text" : language_kind(language)
  skip = 0
  next
}
inside && /^ *```/ {
  inside = 0
  if (kind == "cpp") write_cpp()
  else if (kind == "shell") { write_lines(OUT "/block-" first ".sh"); print "shell " first }
  else if (kind == "cmake") { write_lines(OUT "/block-" first ".cmake"); print "cmake " first }
  else if (kind != "text") print kind " " first
  next
}
inside {
  lines[++count] = $0
  if ($0 ~ /int main\(/) has_main = 1
  next
}
/^ *<!-- not run: .+ -->/ { skip = 1; next }
/[^ ]/ { skip = 0 }
END {
  if (inside) {
    print "a code block that starts at line " first " never ends" > "/dev/stderr"
    exit 1
  }
}
