import { UserError } from '../base/errors.ts';

/** A class or function that a pickle names; nothing is ever imported. */
export class PyImport {
  constructor(
    /** Module and name, such as `torch.FloatStorage`. */
    readonly name: string,
  ) {}
}

/** What weight files do take from the modules below. */
const HARMLESS = new Set([
  'argparse.Namespace',
  '_codecs.encode',
  'codecs.encode',
  'functools.partial',
  'types.SimpleNamespace',
  ...['builtins', '__builtin__'].flatMap(module =>
    'bool bytearray bytes complex dict float frozenset int list long object range set slice str tuple unicode xrange'
      .split(' ')
      .map(name => `${module}.${name}`),
  ),
]);

/** Modules of Python's standard library (2.7 to 3.13) that run code, or reach files, processes or the network. */
const DANGEROUS = new Set(
  `__builtin__ antigravity argparse asynchat asyncio asyncore atexit bdb builtins bz2 cPickle cgi cgitb cmd code codecs
  codeop commands compileall concurrent configparser contextlib cProfile crypt ctypes dbm dill distutils doctest
  ensurepip faulthandler fcntl filecmp fileinput ftplib functools gc getpass glob gzip http idlelib imaplib imp
  importlib inspect io joblib lib2to3 linecache logging lzma mailbox mailcap marshal mmap modulefinder msvcrt
  multiprocessing netrc nntplib nt ntpath opcode operator optparse os parser pdb pickle pickletools pip pipes
  pkg_resources pkgutil platform popen2 poplib posix posixpath profile pstats pty py_compile pydoc pyexpat
  readline requests resource rlcompleter runpy sched select selectors setuptools shelve shlex shutil signal site
  smtpd smtplib socket socketserver sqlite3 ssl subprocess sys sysconfig tarfile telnetlib tempfile test threading
  timeit tkinter trace traceback types unittest urllib urllib2 urllib3 uu venv webbrowser weakref winreg wsgiref
  xmlrpc zipapp zipfile zipimport`.split(/\s+/),
);

/** Reached through another module's attributes, as in `torch.serialization` `os.system`. */
const REACHED = new Set(
  'os sys subprocess posix nt builtins __builtins__ eval exec system popen importlib __import__ __globals__'.split(' '),
);

/**
 * What a pickle's import stands for.
 *
 * Unknown classes are let through, since here they only become inert values. What can run code is refused all the same:
 * a file of weights that imports it was made to attack whoever loads it with Python.
 *
 * @throws UserError naming the import.
 */
export function checkedImport(module: string, name: string, source: string): PyImport {
  const qualified = `${module}.${name}`;
  const root = module.split('.')[0];
  const dangerous = DANGEROUS.has(root) || (root.startsWith('_') && root !== '__torch__' && root !== '__main__');
  const reached =
    root !== '__torch__' &&
    qualified
      .split('.')
      .slice(1)
      .some(part => REACHED.has(part));
  if ((dangerous || reached) && !HARMLESS.has(qualified)) {
    throw new UserError(
      `${source} is refused: its pickle imports ${printable(qualified)}, which weights have no use for and which can run ` +
        'commands where Python loads the file. Nothing was run. Get the weights from a source you trust, best as safetensors',
    );
  }
  return new PyImport(qualified);
}

function printable(name: string): string {
  return name.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
}
