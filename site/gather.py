"""Gathers the pages of the project's site from the repository: the documentation of modules becomes pages of Markdown.

What rustdoc understands and others do not is rewritten: lines that it hides, the kinds of its code blocks, and links to items, which lead
to the search of the documentation.
"""

import pathlib
import re
import shutil
import sys
import urllib.parse

from pygments.formatters import HtmlFormatter

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEARCH = "https://docs.rs/retwist/latest/retwist/?search="


def piece(line, folder):
    """What a line of documentation in Rust stands for, or None."""
    included = re.match(r'\s*#!?\[doc = include_str!\("(.+)"\)\]', line)
    if included:
        return (folder / included[1]).read_text()
    said = re.match(r'\s*#!?\[doc = "(.*)"\]', line)
    if said:
        return said[1].replace("\\n", "\n")
    comment = re.match(r"\s*//! ?(.*)", line)
    return comment[1] if comment else None


def modules(path):
    """The documentation of a module, and of those without code in it: pairs of a name and a text."""
    found, waiting = {"": []}, []
    for line in path.read_text().splitlines():
        text = piece(line, path.parent)
        module = re.match(r"pub mod (\w+) \{\}", line)
        if module:
            found[module[1]], waiting = waiting, []
        elif text is not None:
            (found[""] if "#!" in line or "//!" in line else waiting).append(text.rstrip("\n"))
    return {name: "\n".join(texts) for name, texts in found.items()}


def link(target, here):
    """Where a link of rustdoc leads to from a page."""
    target = target.strip("`")
    if target.startswith(("http:", "https:", "#")):
        return target
    path, _, anchor = target.partition("#")
    anchor = f"#{anchor}" if anchor else ""
    path = path.removeprefix("crate::").removeprefix("self::")
    up = "../" if here else ""
    if path == "guide":
        return f"{up}guide/index.md"
    if path == "porting":
        return f"{up}porting.md"
    if path == "guide::tutorial":
        return f"{up}tutorial/index.md"
    if path.startswith("guide::tutorial::"):
        return f"{up}tutorial/{path.split('::')[-1]}.md{anchor}"
    if path.startswith("guide::"):
        return f"{up}guide/{path.split('::')[-1]}.md{anchor}"
    if here and (ROOT / f"src/{'guide/' if here == 'guide' else 'guide/tutorial/'}{path}.md").exists():
        return f"{path}.md{anchor}"
    if here == "guide" and path == "tutorial":
        return "../tutorial/index.md"
    return SEARCH + urllib.parse.quote(path.split("::")[-1].removesuffix("()").removesuffix("!"))


def prose(text, here, definitions):
    """The text between blocks of code."""
    def written(match):
        return f"[{match[1]}]({link(match[2], here)})"

    def named(match):
        label, name = match[1], match[2] or match[1]
        if name in definitions or re.fullmatch(r"`[\w:!()]+`", name):
            return f"[{label}]({link(definitions.get(name, name), here)})"
        return match[0]

    text = re.sub(r"\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)", written, text)
    return re.sub(r"\[([^\[\]\n]+(?:\n[^\[\]\n]+)?)\](?:\[([^\[\]]+)\])?(?![(:\[])", named, text)


def page(text, here, title=None):
    """A page of Markdown, of what rustdoc is given."""
    definitions = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", text, re.MULTILINE))
    text = re.sub(r"^\[[^\]]+\]: \S+\n?", "", text, flags=re.MULTILINE)
    text = re.sub(r'<div style="display:grid[^"]*">', '<div class="pair" markdown="1">', text)
    text = re.sub(r'<div style="min-width:0">', '<div markdown="1">', text)
    lines, code, hidden = [], None, False
    for line in text.splitlines():
        fence = re.match(r"^(`{3,})(.*)$", line)
        if fence and code is None:
            kind = fence[2].split(",")[0].strip()
            rust = kind in ("", "rust", "no_run", "should_panic", "ignore", "compile_fail", "edition2024")
            code, hidden = fence[1], rust
            lines.append(f"{fence[1]}{'rust' if rust else kind}")
        elif fence and code == fence[1]:
            code = None
            lines.append(line)
        elif code is not None:
            if not (hidden and re.match(r"^\s*#( |$)", line)):
                lines.append(line)
        else:
            lines.append(line)
    parts = re.split(r"(^`{3,}[^\n]*\n.*?^`{3,}\n?)", "\n".join(lines) + "\n", flags=re.MULTILINE | re.DOTALL)
    out = []
    for number, part in enumerate(parts):
        if number % 2:
            out.append(part)
            continue
        # A page has one heading of the first degree: its title.
        part = re.sub(r"^(#+) ", r"#\1 ", part, flags=re.MULTILINE)
        # The way to the next page is in the bar above.
        part = re.sub(r"^(?=.*\[(?:Contents|All steps)\]).*(?:Next|Previous|First step).*$", "", part, flags=re.MULTILINE)
        out.append(prose(part, here, definitions))
    return (f"# {title}\n\n" if title else "") + "".join(out)


def titles(found):
    """The chapters that the contents of a module link to: their titles and names, in order."""
    links = re.findall(r"\[([^\]]+)\]\((\w+)\)", found[""])
    return [(title[0].upper() + title[1:], name) for title, name in links if name in found]


def chapters(source, folder, title, target):
    """The pages of a module and of its chapters. Returns their lines in the navigation."""
    found = modules(ROOT / source)
    (target / folder).mkdir()
    (target / folder / "index.md").write_text(page(found[""], folder, title))
    navigation = [f"    - Contents: {folder}/index.md"]
    for name, module in titles(found):
        (target / folder / f"{module}.md").write_text(page(found[module], folder, name))
        navigation.append(f"    - {name}: {folder}/{module}.md")
    left = set(found) - {""} - {module for _, module in titles(found)}
    assert not left, f"{source}: the contents do not have {left}"
    return "\n".join(navigation)


def figures(target):
    """The plots, each under what BENCHMARKS.md calls it."""
    text = (ROOT / "BENCHMARKS.md").read_text()
    out = [
        "# Figures",
        "",
        "Each plot compares programs that do the same, measured in one run. `BENCHMARKS.md` in the repository has the numbers, the machine,",
        "the commands and what was behind. Rows that are not in our favour are kept.",
        "",
    ]
    # A plot has its figures in words, and a caption.
    plots = r'^## (.+)$|^!\[([^\]]+)\]\((benches/plots/[^) ]+)(?: "([^"]+)")?\)$'
    for heading, words, path, caption in re.findall(plots, text, re.MULTILINE):
        if heading:
            out += [f"## {heading}", ""]
        else:
            shutil.copy(ROOT / path, target)
            caption = caption or words
            out += [f"**{caption[0].upper()}{caption[1:]}**", "", f"![{words}]({pathlib.Path(path).name})", ""]
    # A heading without a plot says nothing here.
    text = re.sub(r"## [^\n]+\n\n(?=## |\Z)", "", "\n".join(out) + "\n")
    (target / "figures.md").write_text(text)


def front(target):
    pages = ROOT / "site/pages"
    readme = (ROOT / "README.md").read_text()
    server = re.search(r"```rust,no_run\n(.*?)```", readme, re.DOTALL)[1]
    text = (pages / "index.md").read_text()
    text = text.replace("SERVER", f"```rust\n{server}```").replace("CONVERSATION", (pages / "conversation.svg").read_text())
    (target / "index.md").write_text(text)
    shutil.copy(pages / "style.css", target)
    for style, name in (("default", "light"), ("github-dark", "dark")):
        (target / f"{name}.css").write_text(HtmlFormatter(style=style).get_style_defs(".highlight"))


def main():
    target = pathlib.Path(sys.argv[1]).resolve()
    target.mkdir(parents=True)
    front(target)
    guide = chapters("src/guide.rs", "guide", "The guide", target)
    tutorial = chapters("src/guide/tutorial.rs", "tutorial", "The tutorial", target)
    (target / "porting.md").write_text(page(modules(ROOT / "src/porting.rs")[""], "", "From Twisted"))
    figures(target)
    configuration = (ROOT / "site/mkdocs.yml").read_text()
    configuration = configuration.replace("../target/", "").replace(" !include guide", f"\n{guide}").replace(" !include tutorial", f"\n{tutorial}")
    (target.parent / "mkdocs.yml").write_text(configuration)


main()
