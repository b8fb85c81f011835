"""A page on which each command has its own place; what stands around the places stays."""


def write(page, command, text):
    begin = f"<!-- Written by `{command}`: changes between these two lines are lost. -->"
    end = f"<!-- The end of what `{command}` writes. -->"
    place = f"{begin}\n\n{text}\n\n{end}"
    page.parent.mkdir(parents=True, exist_ok=True)
    old = page.read_text() if page.exists() else "# Benchmarks\n"
    before, found, rest = old.partition(begin)
    _, found_end, after = rest.partition(end)
    if found and not found_end:
        raise RuntimeError(f"{page} does not say where the results of `{command}` end")
    page.write_text(f"{before}{place}{after}" if found else f"{old.rstrip()}\n\n{place}\n")
