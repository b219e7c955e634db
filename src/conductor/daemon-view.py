"""Prints what Magnum's daemons would see, a list of them as JSON: run by their interpreter, as their user.

Argument: a JSON object with "views" (one object for each daemon), "preferred" (the file to name where several set the
same value) and "environment" (that of the views which ask for no login); "directories", where given, stand in for the
drop-in directories that oslo.config reads by default.
A view has "args" (the daemon's configuration arguments) and "options" (pairs of group and name); "groups", where given,
are asked for with all their options; "management", where given, has the driver's own client log in, in this program's
own environment: "kubeconfig" is a path, "kinds" are names of its classes. driver-login.py stands before this program
then.
"""

import sys

sys.path[:] = [entry for entry in sys.path if entry]
sys.dont_write_bytecode = True

import glob
import importlib.util
import json
import os
import traceback


def short(error):
    return "%s: %s" % (type(error).__name__, str(error).strip().split("\n")[0])


def parse(args, directories):
    import magnum.conf

    magnum.conf.CONF(args, project="magnum", default_config_dirs=directories)
    return magnum.conf.CONF


def drivers():
    """Names of the drivers that Magnum loads; one that fails takes all of them down, as in the daemon."""
    from magnum.drivers.common import driver

    return sorted(entry.name for entry, _ in driver.Driver.load_entry_points())


def files_of(conf):
    """The files that the daemon parses, with what each sets: section to name to list of raw values."""
    from oslo_config import cfg

    names = list(conf.config_file or [])
    for directory in conf.config_dirs or conf.default_config_dirs or []:
        names += sorted(glob.glob(os.path.join(directory, "*.conf")))
    parsed = {}
    for name in names:
        parsed[name] = {}
        cfg.ConfigParser(name, parsed[name]).parse()
    return parsed


def refused(conf, files):
    """A setting that the daemon can't take, in the last file that has it, which is the one that counts; oslo.config
    looks at most settings only when they are used."""
    from oslo_config import cfg

    for name, sections in reversed(list(files.items())):
        for group, options in sections.items():
            for option in options:
                try:
                    conf[option] if group == "DEFAULT" else conf[group][option]
                except cfg.ConfigFileValueError as error:
                    why = str(error).split(" is not valid: ")[-1]
                    return "[%s] %s in %s: %s" % (group, option, name, why)
                except Exception:
                    continue  # not an option of the daemon
    return None


def origin(files, group, name, value, preferred):
    """The file that sets this option to this value; oslo.config's own answer mixes up files that share a section."""
    plain = lambda text: text.replace(" ", "").strip("\"'")
    setting = [f for f, sections in files.items() if name in sections.get(group, {})]
    raw = lambda f: files[f][group][name][-1].replace("$$", "$")
    equal = [f for f in setting if plain(raw(f)) == plain(value)]
    if preferred in equal:
        return preferred
    return (equal or setting or [""])[-1]


def is_secret(conf, group, name):
    """Whether the daemon itself keeps this value out of its log. oslo.config has no public way to ask."""
    try:
        return bool(conf[group]._group._opts[name]["opt"].secret)
    except Exception:
        return False


def registered(conf, groups):
    """The options that the daemon knows in these groups; none of a group that it does not know."""
    for group in groups:
        try:
            names = list(conf[group])
        except Exception:
            continue
        for name in names:
            yield group, name


def resolve(conf, files, group, name, preferred):
    """The value that the daemon gets, as text, and the file that it comes from ("" for a default)."""
    try:
        value = conf[group][name]
    except Exception as error:
        return {"error": short(error)}
    text = ",".join(value) if isinstance(value, list) else str(value)
    shown = "****" if text and is_secret(conf, group, name) else text
    return {"value": shown, "file": origin(files, group, name, text, preferred)}


def look(args, options, preferred, directories, groups, management):
    view = {"drivers": [], "options": {}}
    try:
        conf = parse(args, directories)
    except Exception as error:
        view["configError"] = short(error)
        return view
    try:
        view["drivers"] = drivers()
    except Exception as error:
        view["driverError"] = short(error)
    files = files_of(conf)
    wrong = refused(conf, files)
    if wrong is not None:
        view["configError"] = wrong
    options = [*options, *registered(conf, groups)]
    view["options"] = {"%s.%s" % (g, n): resolve(conf, files, g, n, preferred) for g, n in options}
    if management is not None and "driverError" not in view and importlib.util.find_spec("magnum_capi_helm"):
        view["login"] = logged_in(management)
    return view


def logged_in(management):
    try:
        return log_in(management["kubeconfig"], management["kinds"])
    except Exception as error:
        return {"error": type(error).__name__, "kinds": {}}


def load():
    """What every view needs, and takes most of the time; what can't be imported each of them tells of."""
    try:
        import magnum.conf
        from magnum.drivers.common import driver
    except Exception:
        pass


def view_of(it, request):
    management = it.get("management")
    if management is None:
        os.environ.clear()
        os.environ.update(request["environment"])
    more = request.get("directories"), it.get("groups", []), management
    return look(it["args"], it["options"], request["preferred"], *more)


def begin(it, request):
    """Starts a view in a process of its own: a daemon's configuration is one for all of a process. Its pid, and its answer."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid != 0:
        os.close(writer)
        return pid, open(reader)
    status = 1
    try:
        os.dup2(2, 1)
        with open(writer, "w") as answer:
            json.dump(view_of(it, request), answer)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def end(pid, answer):
    with answer:
        text = answer.read()
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return json.loads(text)
    return {"drivers": [], "options": {}, "configError": "Python ended with %d" % code}


request = json.loads(sys.argv[1])
load()
begun = [begin(it, request) for it in request["views"]]
print(json.dumps([end(pid, answer) for pid, answer in begun]))
