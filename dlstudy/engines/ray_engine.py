"""The engine for many machines: one Ray actor per slot, on the nodes of a running cluster."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlstudy.common.provenance import versions
from dlstudy.common.text import describe_error
from dlstudy.datasets import registry
from dlstudy.engines.base import (
    GROWTH_MB,
    STARTS_ALLOWED,
    Decide,
    Engine,
    TrialOutcome,
    over_time,
    too_silent,
)
from dlstudy.engines.devices import GPU_ENVIRONMENT, SHARED_GPU_ENVIRONMENT, Slot, cpu_environment
from dlstudy.engines.file_transfer import checkpoint_of, put_checkpoint, put_in_place, read_study
from dlstudy.engines.ray_cluster import Node, connect, nodes, why_it_died
from dlstudy.engines.ray_slot import MakeTrainer, Message, RaySlot, make_trainer
from dlstudy.errors import DlstudyError, UsageError
from dlstudy.study.trial import TrialResult, TrialSpec, TrialState
from dlstudy.training.shared_memory import filled

__all__ = ["ClusterRequest", "RayEngine"]

_UPDATE_S = 3.0
"""Nodes that come and go are noticed within this many seconds."""
_START_S = 300
"""The engine gives up when no slot has started for this many seconds."""
_AWAY_S = 60
"""The engine gives up when the cluster has had no node to train on for this many seconds."""
_GRACE_S = 3.0
_SAME = ("tensorflow", "keras", "numpy", "scikit-learn")
"""Packages that must have the parent's versions: others would give other numbers."""

_SlotKey = tuple[str, int]
"""The id of a node, and the number of a slot on it."""


@dataclass(frozen=True)
class ClusterRequest:
    """The resources that a run requests of a cluster.

    Args:
        address: see `dlstudy.engines.ray_cluster.connect`.
        n_needed: slots that there is work for.
        workers: the most slots, all of which have to exist at the start; None for all that come.
        per_gpu: trials that share a GPU.
        gpus_each: GPUs that a trial may use at once.
    """

    address: str | None
    n_needed: int
    workers: int | None = None
    per_gpu: int = 1
    gpus_each: int = 1

    @property
    def share(self) -> float:
        """GPUs of a slot; Ray knows four decimal places."""
        return self.gpus_each if self.per_gpu == 1 else int(10_000 / self.per_gpu) / 10_000


@dataclass
class _Member:
    """A slot with its actor; `pending` is the awaited answer, None while the actor is idle."""

    slot: Slot
    actor: Any  # Any: Ray's handle of a RaySlot
    pending: Any  # Any: Ray's reference
    ready: bool = False
    spec: TrialSpec | None = None
    silent_s: float = 0.0
    trained_s: float = 0.0
    first_mb: float = 0.0
    studies: set[str] = field(default_factory=set)


class RayEngine(Engine):
    """Slots on every node. Nodes may leave and join while a study runs."""

    def __init__(
        self,
        request: ClusterRequest,
        dataset: str,
        decide: Decide,
        say: Callable[[str], None],
        make: MakeTrainer = make_trainer,
        inputs: Sequence[Path] = (),
    ) -> None:
        """Joins the cluster and waits for its first slot.

        Args:
            request: what of the cluster.
            dataset: that all trials are on.
            decide, say: of the run.
            make: makes the trainer of a slot.
            inputs: the files that the study reads; those near it go to the slots along with it.

        Raises:
            UsageError: there is no such cluster, or it can never have what is requested.
            DlstudyError: no slot starts.
        """
        self._request, self._decide, self._say, self._make = request, decide, say, make
        self._inputs = inputs
        self._members: dict[_SlotKey, _Member] = {}
        self._names: dict[str, str] = {}
        self._refused: set[str] = set()
        self._studies: dict[str, Any] = {}  # Any: Ray's references to files
        self._failed_starts, self._without_s, self._next_update_s = 0, 0.0, 0.0
        address = connect(request.address)
        import ray

        try:
            self._on_gpus = _check(request, nodes())
            self._description = registry.describe(dataset)
            self._arrays = ray.put(filled(dataset).open())
            while not self.slots:
                self.wait(1.0)
            hosts = {node for node, _ in self._members}
            many = f"{len(self._members)} slots" if len(self._members) > 1 else "1 slot"
            say(f"training in {many} on {len(hosts)} node{'s' if len(hosts) > 1 else ''} of the Ray cluster {address}")
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> Sequence[Slot]:
        """Those that are ready to train."""
        return [member.slot for member in self._members.values() if member.ready]

    def submit(self, spec: TrialSpec) -> str:
        """Gives the trial to a free slot, with the study's files if the slot does not have them yet."""
        import ray

        member = next(member for member in self._members.values() if member.ready and member.spec is None)
        path = spec.study_path
        if path not in member.studies:
            if path not in self._studies:
                self._studies[path] = ray.put(read_study(Path(path), self._inputs))
            member.actor.learn.remote(path, self._studies[path])
            member.studies.add(path)
        member.spec, member.silent_s, member.trained_s = spec, 0.0, 0.0
        member.pending = member.actor.begin.remote(spec.to_json(), checkpoint_of(spec))
        return member.slot.name

    def wait(self, timeout_s: float) -> list[TrialOutcome]:
        """Handles messages of slots, slots that died or are silent for too long, and nodes that come and go."""
        import ray

        self._update_members()
        asked = {key: member.pending for key, member in self._members.items() if member.pending is not None}
        began_s = time.monotonic()
        if asked:
            ray.wait(list(asked.values()), timeout=timeout_s)
            ready, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=0)
        else:
            time.sleep(timeout_s)
            ready = []
        listened_s = min(time.monotonic() - began_s, timeout_s)  # see `LocalEngine.wait`
        answered, ended = set(ready), list[TrialOutcome]()
        for key in asked:
            member = self._members.get(key)
            if member is None:  # its node was refused a moment ago
                continue
            if member.pending in answered:
                ended += self._receive(key, member)
                continue
            member.silent_s += listened_s
            if how := too_silent(member.spec, member.silent_s):
                ended += self._lose(key, how)
        for key, member in list(self._members.items()):
            member.trained_s += listened_s
            if outcome := over_time(member.spec, member.trained_s, member.slot):
                self._lose(key, "was ended")
                ended.append(outcome)
        self._give_up_without_slots(listened_s)
        return ended

    def close(self) -> None:
        """Ends all actors and leaves the cluster. Idle ones clean up first."""
        import ray

        idle = [member.actor for member in self._members.values() if member.pending is None]
        for member in self._members.values():
            if member.pending is not None:
                ray.kill(member.actor)
        if idle:
            ray.wait([actor.__ray_terminate__.remote() for actor in idle], num_returns=len(idle), timeout=_GRACE_S)
        self._members.clear()
        ray.shutdown()

    def _update_members(self) -> None:
        """Removes slots of nodes that have left, and starts slots where there is room."""
        now_s = time.monotonic()
        if now_s < self._next_update_s:
            return
        self._next_update_s = now_s + _UPDATE_S
        alive = nodes()
        for key, member in list(self._members.items()):
            if key[0] not in alive and member.pending is None:  # the others end with their answers
                del self._members[key]
        most = min(self._request.workers or self._request.n_needed, self._request.n_needed)
        for i, node in sorted(self._room(alive), key=lambda pair: pair[0]):  # the first of every node, then the second
            if len(self._members) < most and (node.id, i) not in self._members:
                self._members[node.id, i] = self._start(node, i)

    def _room(self, alive: Mapping[str, Node]) -> list[tuple[int, Node]]:
        """The slots that there is room for, by number and node."""
        used = [node for node in alive.values() if node.id not in self._refused]
        return [(i, node) for node in used for i in range(_slots_on(node, self._on_gpus, self._request))]

    def _start(self, node: Node, i: int) -> _Member:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        host = self._name(node)
        share = self._request.share
        if self._on_gpus:
            slot = Slot(f"gpu:{host}/{i}", SHARED_GPU_ENVIRONMENT if share < 1 else GPU_ENVIRONMENT)
        else:
            slot = Slot(f"cpu:{host}/{i}", cpu_environment(self._request.gpus_each), node.memory_gb / node.n_cpus)
        actor = (
            ray.remote(RaySlot)
            .options(
                num_cpus=1,
                num_gpus=share if self._on_gpus else 0,
                max_restarts=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
            )
            .remote(slot, share)
        )
        return _Member(slot, actor, actor.start.remote(self._description, self._arrays, self._make))

    def _name(self, node: Node) -> str:
        """The node's host, with a number where several nodes have the same, as when a machine comes back."""
        if node.id not in self._names:
            n = sum(name.partition("~")[0] == node.host for name in self._names.values())
            self._names[node.id] = f"{node.host}~{n + 1}" if n else node.host
        return self._names[node.id]

    def _receive(self, key: _SlotKey, member: _Member) -> list[TrialOutcome]:
        """Handles the answer of an actor, and asks it for the next one while its trial continues."""
        import ray

        member.silent_s = 0.0
        try:
            answer = ray.get(member.pending)
        except ray.exceptions.RayError as error:
            return self._lose(key, why_it_died(error))
        if not member.ready:
            self._accept(key, member, answer)
            return []
        decision = None
        for message in answer:
            if message[0] == "broke":
                return self._lose(key, f"broke: {message[1]}")
            if message[0] == "ended":
                return [self._end(key, member, message)]
            assert member.spec is not None
            if message[0] == "checkpoint":
                put_checkpoint(message[1], member.spec)
                continue
            continues = self._decide(member.spec, *message[1:])
            decision = continues if message[0] == "asks" else None
        member.pending = member.actor.proceed.remote(decision)
        return []

    def _accept(self, key: _SlotKey, member: _Member, on_node: Mapping[str, str]) -> None:
        """Begins to use a slot, unless the versions on its node would give other numbers."""
        here, node = versions(), key[0]
        others = [f"{name} {on_node[name]}, not {here[name]}" for name in _SAME if on_node[name] != here[name]]
        if not others:
            member.ready, member.pending, self._failed_starts = True, None, 0
            return
        reason = f"node {self._names[node]} has {', '.join(others)}: install the same versions there"
        self._refused.add(node)
        for other in [slot for slot in self._members if slot[0] == node]:
            self._lose(other, "is not used")
        if not self._room(nodes()):
            raise UsageError(reason)
        self._say(f"not used: {reason}")

    def _end(self, key: _SlotKey, member: _Member, message: Message) -> TrialOutcome:
        import ray

        _, content, memory_mb, written = message
        spec, member.spec, member.pending = member.spec, None, None
        self._failed_starts = 0
        assert spec is not None
        result = dataclasses.replace(TrialResult.from_json(content), slot=member.slot.name)
        try:
            put_in_place(written, spec)
        except OSError as error:  # like a model that cannot be saved where it was trained
            remarks = [*result.remarks, f"its files could not be kept: {describe_error(error)}"]
            result = dataclasses.replace(result, remarks=remarks, model="")
        member.first_mb = member.first_mb or memory_mb
        if memory_mb > member.first_mb + GROWTH_MB:
            ray.kill(self._members.pop(key).actor)
            self._next_update_s = 0.0
        return TrialOutcome(spec, result)

    def _lose(self, key: _SlotKey, how: str) -> list[TrialOutcome]:
        """Removes a slot that has died or must end; its trial, if any, is lost. `_update_members` starts another."""
        import ray

        member = self._members.pop(key)
        ray.kill(member.actor)
        self._next_update_s = 0.0
        reason = f"slot {member.slot.name} {how}"
        if not member.ready and key[0] in nodes():
            self._failed_starts += 1
            if self._failed_starts > STARTS_ALLOWED * (len(self._members) + 1):
                raise DlstudyError(f"slots do not start, the last: {reason}")
        if member.spec is None:
            return []
        return [TrialOutcome(member.spec, TrialResult(TrialState.LOST, reason, slot=member.slot.name))]

    def _give_up_without_slots(self, listened_s: float) -> None:
        """Raises an error if no slot has been ready for too long."""
        self._without_s = 0.0 if self.slots else self._without_s + listened_s
        if self._members and self._without_s >= _START_S:
            raise DlstudyError(
                f"no slot of the Ray cluster started within {_START_S} s: other work may hold its CPUs or GPUs, "
                "`ray status` shows that; then run the same command again"
            )
        if not self._members and self._without_s >= _AWAY_S:
            raise DlstudyError(
                f"the Ray cluster has had no node to train on for {_AWAY_S} s: start nodes with "
                "`ray start --address=HOST:6379`, then run the same command again"
            )


def _slots_on(node: Node, on_gpus: bool, request: ClusterRequest) -> int:
    """Slots that a node has room for if nothing else runs there: a core each, and GPUs or a share of one."""
    return min(node.n_cpus, int(node.n_gpus * request.per_gpu / request.gpus_each)) if on_gpus else node.n_cpus


def _check(request: ClusterRequest, alive: Mapping[str, Node]) -> bool:
    """Whether to train on GPUs: if the cluster has any, on them only.

    Raises:
        UsageError: the cluster can never have what is requested.
    """
    on_gpus = any(node.n_gpus for node in alive.values())
    if request.per_gpu > 1 and not on_gpus:
        raise UsageError(f"no node of the Ray cluster has a GPU, got --per-gpu {request.per_gpu}: leave it out")
    n = sum(_slots_on(node, on_gpus, request) for node in alive.values())
    has = f"the Ray cluster has {n} slots ({'GPUs' if on_gpus else 'CPUs'} of {len(alive)} nodes)"
    if n < (request.workers or 1):
        got = f", got --workers {request.workers}" if request.workers else ""
        raise UsageError(f"{has}{got}: start more nodes, or leave --workers out: nodes that join later are used then")
    return on_gpus
