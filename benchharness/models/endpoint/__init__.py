"""Models behind a URL: the OpenAI API and the servers that speak it, and TEI.

`encoder` cuts texts into requests; `openai_api` and `tei_api` word them, `line` sends them over
HTTP and tries again, `vectors` checks what comes back. `identity` says which model answers, by what
it declares and by `probe` texts, and `memory` whether it is still the same.
"""
