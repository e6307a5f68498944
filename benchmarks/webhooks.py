"""How many webhooks a second one API process takes on each channel, beside a route that only reads the same bytes."""

from rich.progress import Progress

from benchmarks import noop
from benchmarks.desk import Site, run_api
from benchmarks.results import Row
from benchmarks.scale import Scale
from benchmarks.signed import ADDRESSES, configure, serve_certificates
from benchmarks.submit import Load, describe_cores, load_server, median_of, run_noop


def measure_webhooks(site: Site, scale: Scale, progress: Progress) -> list[Row]:
    """Rounds that alternate between the routes, so that a noisy minute of the machine hits all of them.

    Twilio and Meta store a new message with each request. A push of Gmail's only notes that there is something.
    """
    loads: dict[str, list[Load]] = {name: [] for name in (*ADDRESSES, *(f"noop_{name}" for name in ADDRESSES))}
    task = progress.add_task("Webhooks and no-op", total=scale.rounds)
    certificates = serve_certificates(site.directory)
    environment = configure(f"http://127.0.0.1:{certificates.server_address[1]}/certs")
    try:
        with run_api(site, environment) as (port, api), run_noop(site) as (noop_port, noop_process):
            for _ in range(scale.rounds):
                for name, address in ADDRESSES.items():
                    loads[name].append(load_server(site, port, f"/webhooks/{address}", api, scale, sender=name))
                    loads[f"noop_{name}"].append(
                        load_server(site, noop_port, noop.RAW_PATH, noop_process, scale, sender=name)
                    )
                progress.advance(task)
    finally:
        certificates.shutdown()
        certificates.server_close()
    return _summarise(scale, loads)


def _summarise(scale: Scale, loads: dict[str, list[Load]]) -> list[Row]:
    params = {"clients": scale.submit_clients, "rounds": scale.rounds, "seconds": scale.round_seconds}
    rows = []
    for name in ADDRESSES:
        rate, idle_rate = median_of(loads[name], "per_second"), median_of(loads[f"noop_{name}"], "per_second")
        rows += [
            Row(f"webhook_{name}_rate", rate, "requests/s", {**params, **describe_cores(loads[name])}),
            Row(f"webhook_{name}_of_noop", rate / idle_rate, "", {"no-op requests/s": round(idle_rate)}),
        ]
    return rows
