"""The campaign: results are kept while the source is the same, come back in order, and end in a record."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mxmac_sim.campaigns.claims import campaign, file_types, language, texts
from mxmac_sim.campaigns.claims.campaign import Kept, run
from mxmac_sim.campaigns.claims.sources import Job, Sources


@pytest.fixture
def measured(monkeypatch):
    """Jobs that were measured, in threads."""
    found = []

    def measure(job, sources):
        found.append(job.fields["n"])
        if job.fields["n"] < 0:
            raise ValueError("negative")
        return {**job.fields, "square": job.fields["n"] ** 2}

    monkeypatch.setattr(campaign, "measure", measure)
    monkeypatch.setattr(campaign, "ProcessPoolExecutor", lambda count, mp_context: ThreadPoolExecutor(count))
    return found


def jobs(*numbers):
    return [Job("any", {"n": n}) for n in numbers]


def test_results_are_in_the_order_of_the_jobs_and_measured_once(measured, tmp_path):
    kept, ticks = Kept(tmp_path), []
    with pytest.raises(ValueError, match="negative"):
        run(jobs(3, 2, -1), Sources(None, None), kept, 1, lambda: ticks.append(1))
    assert measured[:2] == [3, 2]
    measured.clear()
    ticks.clear()
    found = run(jobs(3, 5, 2), Sources(None, None), kept, 2, lambda: ticks.append(1))
    assert [row["square"] for row in found] == [9, 25, 4]
    assert measured == [5]
    assert len(ticks) == 3


def test_results_of_other_source_do_not_count(measured, monkeypatch, tmp_path):
    run(jobs(3), Sources(None, None), Kept(tmp_path), 1, lambda: None)
    other = Kept(tmp_path)
    other._source = "another"
    run(jobs(3), Sources(None, None), other, 1, lambda: None)
    assert measured == [3, 3]


def test_a_wheel_that_is_missing_is_a_mistake_before_anything_is_measured(measured, capsys, tmp_path):
    file = tmp_path / "claims.json"
    wheels = [str(tmp_path / name) for name in ("a.whl", "b.whl")]
    assert campaign.main([*wheels, "--work", str(tmp_path / "work"), "--json", str(file)]) == 2
    assert "a.whl" in capsys.readouterr().err
    assert measured == []
    assert not file.exists()


def test_no_job_at_a_time_is_a_mistake(measured, capsys, tmp_path):
    assert campaign.main(["a.whl", "b.whl", "--jobs", "0", "--json", str(tmp_path / "claims.json")]) == 2
    assert "jobs: At least 1" in capsys.readouterr().err


def test_no_setting_is_measured_twice():
    words = [(job.claim, job.words) for module in (language, file_types) for job in module.jobs()]
    assert len(words) == len(set(words))


def test_texts_and_files_are_there():
    assert [text["package"] for text in texts.described()] == [text.package for text in texts.TEXTS]
    chosen = file_types.files()
    assert {label for _, label in chosen} == set(file_types.KINDS.values())
    assert all(row["files"] for row in file_types.described())
