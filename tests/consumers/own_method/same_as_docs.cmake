# The code that docs/adding-a-method.md shows is the code that is built.
#   cmake -DDOCS=<docs/adding-a-method.md> -DCODE=<file> -P same_as_docs.cmake
file(READ ${DOCS} docs)
file(READ ${CODE} code)
string(FIND "${docs}" "${code}" place)
if(place EQUAL -1)
  message(FATAL_ERROR "${DOCS} does not show ${CODE} as it is")
endif()
