"""Prints what a Magnum daemon would see, as JSON: run by its interpreter, as its user, with its arguments.

Argument: a JSON object with "args" (the daemon's configuration arguments) and "options" (pairs of group and name).
"""

import sys

sys.path[:] = [entry for entry in sys.path if entry]
sys.dont_write_bytecode = True

import json


def short(error):
    return "%s: %s" % (type(error).__name__, str(error).strip().split("\n")[0])


def parse(args):
    import magnum.conf

    magnum.conf.CONF(args, project="magnum")
    return magnum.conf.CONF


def drivers():
    """Names of the drivers that Magnum loads; one that fails takes all of them down, as in the daemon."""
    from magnum.drivers.common import driver

    return sorted(entry.name for entry, _ in driver.Driver.load_entry_points())


def resolve(conf, group, name):
    """The value that the daemon gets, as text, and the file that it comes from ("" for a default)."""
    try:
        value = conf[group][name]
        location = conf.get_location(name, group)
    except Exception as error:
        return {"error": short(error)}
    text = ",".join(value) if isinstance(value, list) else str(value)
    from_file = location is not None and location.location.name == "user"
    return {"value": text, "file": location.detail if from_file else ""}


def look(args, options):
    view = {"drivers": [], "options": {}}
    try:
        conf = parse(args)
    except Exception as error:
        view["configError"] = short(error)
        return view
    try:
        view["drivers"] = drivers()
    except Exception as error:
        view["driverError"] = short(error)
    view["options"] = {"%s.%s" % (g, n): resolve(conf, g, n) for g, n in options}
    return view


request = json.loads(sys.argv[1])
print(json.dumps(look(request["args"], request["options"])))
