"""Metrics are written in Prometheus' text format; what is unknown is absent."""

from listkit.common.prometheus import Metric, Sample, render, write


def test_each_metric_has_its_help_its_type_and_its_samples():
    metrics = [
        Metric("mail_total", "Messages.", [Sample(3, {"list": "dev", "kind": "post"}), Sample(1.5)], "counter"),
        Metric("up", "1 while up.", [Sample(1)]),
    ]
    assert render(metrics) == (
        "# HELP mail_total Messages.\n"
        "# TYPE mail_total counter\n"
        'mail_total{list="dev",kind="post"} 3\n'
        "mail_total 1.5\n"
        "# HELP up 1 while up.\n"
        "# TYPE up gauge\n"
        "up 1\n"
    )


def test_a_metric_without_samples_is_absent():
    assert render([Metric("unknown", "Nothing is known.", [])]) == ""


def test_quotes_backslashes_and_line_ends_in_labels_are_escaped():
    [line] = [line for line in render([Metric("m", "M.", [Sample(1, {"l": 'a"b\\c\nd'})])]).splitlines() if "{" in line]
    assert line == r'm{l="a\"b\\c\nd"} 1'


def test_a_time_keeps_its_milliseconds_and_a_large_counter_its_units():
    text = render([Metric("m", "M.", [Sample(1764478395.123), Sample(123456789012)])])
    assert "1764478395.123\n" in text and "123456789012\n" in text


def test_the_file_can_be_read_by_the_exporter(tmp_path):
    write(tmp_path / "metrics.prom", [Metric("up", "Up.", [Sample(1)])])
    assert (tmp_path / "metrics.prom").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "metrics.prom").read_text().endswith("up 1\n")
