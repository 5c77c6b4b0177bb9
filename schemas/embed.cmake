# Writes the text of INPUT into OUTPUT as the definition of statehouse::kOpenApiDocument. String literals
# have a portable bound of 64 KiB, so the text becomes adjacent literals.
file(READ ${INPUT} text HEX)
string(LENGTH "${text}" length)
set(literals "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 4000 piece)
  string(REGEX REPLACE "(..)" "\\\\x\\1" piece "${piece}")
  string(APPEND literals "    \"${piece}\"\n")
  math(EXPR at "${at} + 4000")
endwhile()
file(WRITE ${OUTPUT} "#include \"api/http/openapi_document.h\"

namespace statehouse {

const std::string_view kOpenApiDocument =
${literals}    ;

}  // namespace statehouse
")
