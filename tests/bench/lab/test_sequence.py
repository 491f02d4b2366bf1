"""A diagram shows who told whom, in text, Mermaid and SVG."""

from xml.etree import ElementTree

from bench.lab.sequence import STEPS_MAX, Step, as_mermaid, as_svg, as_text

LANES = ["node1", "node2", "node3", "node-4"]
TOLD = Step(1.5, "node2", ("node1", "node-4"), "PREPARE height 3")
WITHIN = Step(2.0, "node3", (), "waited; long & enough")


def test_text_has_a_sender_and_an_arrow_to_each_receiver() -> None:
    head, told, within = as_text(LANES, [TOLD, WITHIN])
    assert head.split() == LANES
    columns = [head.index(name) for name in LANES]
    assert [told[column] for column in columns] == ["<", "o", "+", ">"]
    assert [within[column] for column in columns] == ["|", "|", "*", "|"]
    assert told.startswith("   1.500")
    assert told.endswith("PREPARE height 3")


def test_mermaid_has_an_arrow_for_each_receiver_and_a_note_for_the_rest() -> None:
    text = as_mermaid(LANES, [TOLD, WITHIN])
    assert text.startswith("sequenceDiagram\n")
    assert "participant node_4 as node-4" in text
    assert "node2->>node1: 1.500 s PREPARE height 3" in text
    assert "node2->>node_4: 1.500 s PREPARE height 3" in text
    # A semicolon would end the statement.
    assert "Note over node3: 2.000 s waited, long & enough" in text


def test_svg_is_well_formed_and_escaped() -> None:
    root = ElementTree.fromstring(as_svg(LANES, [TOLD, WITHIN]))
    space = "{http://www.w3.org/2000/svg}"
    arrows = [e for e in root.iter(f"{space}line") if e.get("class") == "arrow"]
    assert len(arrows) == 2
    words = [e.text for e in root.iter(f"{space}text")]
    assert "waited; long & enough" in words


def test_a_long_diagram_is_cut_and_says_so() -> None:
    lines = as_text(LANES, [TOLD] * (STEPS_MAX + 7))
    assert len(lines) == STEPS_MAX + 2
    assert "7 more" in lines[-1]
