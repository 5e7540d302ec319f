// Runs tests of the wire in MicroPython:
//
//     node run.mjs FOLDER_OF_MICROPYTHON FILE...
//
// Each FILE, relative to the working folder, is written to the same path of MicroPython's own file system. Those named
// test_*.py are imported and their test functions called. A line for each failure; in the last one, how many passed of
// how many. Exit status 0 only where all passed.

import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const HEAP = 16 * 1024 * 1024;
const RUN = `
import sys

def tests_of(name):
    return " ".join([one for one in dir(__import__(name)) if one.startswith("test_")])

def run(name, test):
    try:
        getattr(sys.modules[name], test)()
        return True
    except Exception as error:
        print("FAILED", name + "." + test)
        sys.print_exception(error)
        return False
`;

const [folder, ...files] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(resolve(folder, "micropython.mjs")));
const micropython = await loadMicroPython({ heapsize: HEAP, stdout: (line) => console.log(line), linebuffer: true });

const folders = new Set();
for (const file of files) {
  const parents = file.split("/").slice(0, -1);
  parents.forEach((_, depth) => {
    const parent = parents.slice(0, depth + 1).join("/");
    if (!folders.has(parent)) micropython.FS.mkdir(parent);
    folders.add(parent);
  });
  micropython.FS.writeFile(file, readFileSync(file));
}

micropython.runPython(RUN);
const tests = files.filter((file) => basename(file).startsWith("test_"));
for (const parent of new Set(tests.map(dirname))) micropython.runPython(`sys.path.append("${parent}")`);
let passed = 0;
let found = 0;
for (const file of tests) {
  const name = basename(file, ".py");
  try {
    micropython.runPython(`tests = tests_of("${name}")`);
  } catch (error) {
    console.log(`FAILED ${name}: ${error.message}`);
    found += 1;
    continue;
  }
  // One call a test: MicroPython collects garbage only between calls here.
  for (const test of micropython.globals.get("tests").split(" ")) {
    micropython.runPython(`passed = run("${name}", "${test}")`);
    passed += micropython.globals.get("passed") ? 1 : 0;
    found += 1;
  }
}
console.log(`${passed} of ${found} passed`);
process.exit(passed === found ? 0 : 1);
