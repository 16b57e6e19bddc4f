"""Uses a Xenstore daemon through pyxs, as its users do; ends with status 0 and "all good"."""

import errno
import sys

import pyxs

ROOT = b"/local/domain/0/pyxs"


def expect(actual, wanted):
    if actual != wanted:
        raise AssertionError(f"{actual!r}, wanted {wanted!r}")


def expect_errno(code, call, *args):
    try:
        call(*args)
    except pyxs.PyXSError as error:
        expect(error.args[0], code)
    else:
        raise AssertionError(f"{call.__name__} worked, wanted {errno.errorcode[code]}")


def nodes(client):
    client.write(ROOT + b"/a", b"one")
    client.write(ROOT + b"/b/c", b"with spaces, / and =")
    client.mkdir(ROOT + b"/empty")
    expect(client.read(ROOT + b"/a"), b"one")
    expect(client.read(ROOT + b"/b/c"), b"with spaces, / and =")
    expect(client.read(ROOT + b"/none", b"default"), b"default")
    expect(sorted(client.list(ROOT)), [b"a", b"b", b"empty"])
    expect(client.exists(ROOT + b"/empty"), True)
    expect(client.exists(ROOT + b"/none"), False)
    expect(sorted(top for top, _, _ in client.walk(ROOT)),
           [ROOT, ROOT + b"/a", ROOT + b"/b", ROOT + b"/b/c", ROOT + b"/empty"])
    client.delete(ROOT + b"/b")
    expect_errno(errno.ENOENT, client.read, ROOT + b"/b/c")
    expect_errno(errno.ENOENT, client.list, ROOT + b"/b")


def permissions(client):
    client.set_perms(ROOT + b"/a", [b"b0"])
    expect(client.get_perms(ROOT + b"/a"), [b"b0"])


def domains(client):
    expect(client.get_domain_path(7), b"/local/domain/7")
    expect(client.is_domain_introduced(7), False)


def transactions(client, other):
    client.transaction()
    client.write(ROOT + b"/a", b"two")
    expect(other.read(ROOT + b"/a"), b"one")
    expect(client.commit(), True)
    expect(other.read(ROOT + b"/a"), b"two")

    client.transaction()
    client.write(ROOT + b"/a", b"never")
    client.rollback()
    expect(client.read(ROOT + b"/a"), b"two")

    client.transaction()
    seen = client.read(ROOT + b"/a")
    other.write(ROOT + b"/a", b"three")
    client.write(ROOT + b"/copy", seen)
    expect(client.commit(), False)
    expect(client.exists(ROOT + b"/copy"), False)


def monitor(client, other):
    with client.monitor() as watches:
        watches.watch(ROOT + b"/watched", b"token")
        events = watches.wait()
        expect(tuple(next(events)), (ROOT + b"/watched", b"token"))
        other.write(ROOT + b"/watched/x", b"1")
        expect(tuple(next(events)), (ROOT + b"/watched/x", b"token"))
        other.delete(ROOT + b"/watched")
        expect(tuple(next(events)), (ROOT + b"/watched", b"token"))


def main():
    with pyxs.Client() as client, pyxs.Client() as other:
        for step, args in (
            (nodes, (client,)),
            (permissions, (client,)),
            (domains, (client,)),
            (transactions, (client, other)),
            (monitor, (client, other)),
        ):
            print(step.__name__, flush=True)
            step(*args)
        client.delete(ROOT)
    print("all good")


if __name__ == "__main__":
    sys.exit(main())
