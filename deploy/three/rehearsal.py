"""One instance is drained, one restarted, one killed, and each failed request is counted."""

import http.client
import time

from balancer import accepts
from instance import PATIENCE, until
from load import Load

USERS = 60


class Rehearsal:
    def __init__(self, instances, balancer, settings):
        self.instances, self.balancer = instances, balancer
        self.clients, self.least = settings.clients, settings.requests
        self.table = []

    def run(self):
        a, b, c = self.instances
        with Load(self.balancer, self.clients) as load:
            self.load = load
            self.step("all serve", lambda: None)
            before = self.homes()
            self.step("drain a", lambda: self.drain(a))
            meanwhile = self.homes()
            self.step("start a again", lambda: self.start(a))
            again = self.homes()
            self.step("restart b", b.restart)
            self.step("kill c", lambda: self.kill(c), forgiven=True)
        if self.balancer.users:
            self.check_homes(before, meanwhile, again, a)
        return self.table

    def drain(self, instance):
        self.balancer.take_out(instance)
        instance.drain()
        self.balancer.wait_until_down(instance)
        if not all(accepts(program.port) for program in instance.programs):
            raise RuntimeError("the ports closed before the balancer knew: the notice is too short")
        codes = instance.wait()
        if codes != [0, 0]:
            raise RuntimeError(f"{instance.name} has ended with {codes}")

    def start(self, instance):
        instance.start()
        self.balancer.take_in(instance)
        self.balancer.wait_until_up(instance)

    def kill(self, instance):
        self.killed = time.monotonic()
        instance.kill()
        self.dead = time.monotonic()
        self.balancer.wait_until_down(instance)

    def step(self, name, act, forgiven=False):
        """Does it under load, and then waits until every kind of client has made some requests more."""
        begun, first = time.monotonic(), len(self.load.requests)
        act()
        acted = time.monotonic()
        until(f"requests after `{name}`", lambda: self.is_enough(acted))
        done = self.load.requests[first:]
        failed = [request for request in done if request.fault]
        in_flight = 0
        if forgiven:
            in_flight = sum(request.begun <= self.dead and request.ended >= self.killed for request in done)
            beyond = [request for request in failed if request.begun > self.dead]
        else:
            beyond = failed
        self.table.append(
            {
                "step": name,
                "requests": len(done),
                "failed": len(failed),
                "repeated": sum(request.repeated for request in done),
                "in_flight": in_flight,
                "beyond": len(beyond),
                "faults": sorted({f"{request.kind}: {request.fault}" for request in failed}),
                "seconds": round(time.monotonic() - begun, 1),
            }
        )

    def is_enough(self, since):
        """Whether enough requests of each kind have begun and ended since then."""
        after = [request.kind for request in self.load.requests if request.begun > since]
        return all(after.count(kind) >= self.least for kind in ("web", "lines"))

    def homes(self):
        """Which instance serves each user."""
        if not self.balancer.users:
            return {}
        return {user: self.home(user) for user in range(USERS)}

    def home(self, user):
        connection = http.client.HTTPConnection("127.0.0.1", self.balancer.users, timeout=PATIENCE)
        connection.request("GET", "/", headers={"x-user": str(user)})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"user {user} is answered {answer.status}")
        return answer.getheader("x-served-by")

    def check_homes(self, before, meanwhile, again, drained):
        if set(before.values()) != {"a", "b", "c"}:
            raise RuntimeError(f"the users are not spread: {before}")
        for user, home in before.items():
            if home == drained.name and meanwhile[user] == home:
                raise RuntimeError(f"user {user} is still at {home}, which is drained")
            if home != drained.name and meanwhile[user] != home:
                raise RuntimeError(f"user {user} was moved from {home} to {meanwhile[user]}")
        if again != before:
            raise RuntimeError(f"users are not at home again: {before}, {again}")


def show(table):
    print(f"{'step':<16}{'requests':>10}{'failed':>8}{'repeated':>10}{'in flight':>11}{'seconds':>9}")
    for row in table:
        print(f"{row['step']:<16}{row['requests']:>10}{row['failed']:>8}{row['repeated']:>10}{row['in_flight'] or '':>11}{row['seconds']:>9}")
        for fault in row["faults"]:
            print(f"    {fault}")
