import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const MAX_FILE_LINES = 400;

/** All .ts files below a folder, as paths from the root of the project. */
function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && statSync(join(root, folder, name)).isFile())
    .map((name) => join(folder, name));
}

/** The folder table of docs/architecture.md: folder → what it may import. */
function importTable(): Map<string, string[]> {
  const rows = readFileSync(join(root, "docs/architecture.md"), "utf8").matchAll(
    /^\| `([a-z/]+)` \| ([^|]+) \| [^|]+ \|$/gm,
  );
  return new Map(
    [...rows].map(([, folder, allowed]) => [
      folder as string,
      (allowed as string)
        .split(",")
        .map((word) => word.trim())
        .filter((word) => word !== "–"),
    ]),
  );
}

/** Modules that a file imports, statically or not: our own as paths from src (or `gen/…`), the others verbatim. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const found = text.matchAll(
    /(?:^|[\s;}])(?:import|export)\s[^;"'()]*?from\s*"([^"]+)"|(?:^|[\s;}])import\s*"([^"]+)"|import\(\s*"([^"]+)"|new URL\(\s*"(\.[^"]+\.ts)"/gm,
  );
  return [...found]
    .map((match) => (match[1] ?? match[2] ?? match[3] ?? match[4]) as string)
    .map((name) => {
      if (!name.startsWith(".")) return name;
      const path = relative(root, resolve(root, dirname(file), name));
      return path.startsWith("src/") ? path.slice("src/".length) : path;
    });
}

const table = importTable();
const files = sources("src");
const inSrc = new Set(files.map((file) => file.slice("src/".length)));

/** The row of the table that governs a file: the longest folder that contains it. */
function folderOf(path: string): string | undefined {
  return [...table.keys()].filter((folder) => path.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length)[0];
}

describe("architecture", () => {
  it("reads the table", () => {
    expect(table.size).toBeGreaterThanOrEqual(14);
  });

  it("has every file in a folder of the table", () => {
    expect(
      files.filter((file) => folderOf(file.slice(4)) === undefined),
      "add the folder to the table of docs/architecture.md",
    ).toEqual([]);
  });

  it("imports only what the table allows", () => {
    const wrong = files.flatMap((file) => {
      const folder = folderOf(file.slice(4));
      return importsOf(file)
        .filter(
          (name) => inSrc.has(name) || name.startsWith("gen/") || name.startsWith("test/") || name.startsWith("bench/"),
        )
        .filter((name) => {
          const target = name.startsWith("gen/") ? "gen" : folderOf(name);
          if (folder !== undefined && target === folder) return false;
          return !(table.get(folder ?? "") ?? []).some((allowed) =>
            allowed.endsWith(".ts")
              ? name === allowed
              : name.startsWith(`${allowed}/`) &&
                (target === allowed ||
                  allowed.includes("/") ||
                  !table.has(target ?? "") ||
                  target?.startsWith(`${allowed}/`)),
          );
        })
        .map(
          (name) =>
            `${file} imports ${name}, but ${folder} may only import: ${(table.get(folder ?? "") ?? []).join(", ")}`,
        );
    });
    expect(
      wrong,
      "the table of docs/architecture.md decides; move the code or write an ADR and change the table",
    ).toEqual([]);
  });

  it("has no import cycles", () => {
    const graph = new Map(files.map((file) => [file.slice(4), importsOf(file).filter((name) => inSrc.has(name))]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (name: string, path: string[]): void => {
      if (path.includes(name)) {
        cycles.push([...path.slice(path.indexOf(name)), name].join(" → "));
        return;
      }
      if (done.has(name)) return;
      for (const next of graph.get(name) ?? []) visit(next, [...path, name]);
      done.add(name);
    };
    for (const name of graph.keys()) visit(name, []);
    expect(cycles).toEqual([]);
  });

  it("keeps files small and well named", () => {
    const all = [...files, ...sources("test"), ...sources("bench")];
    const long = all.filter(
      (file) => readFileSync(join(root, file), "utf8").trimEnd().split("\n").length > MAX_FILE_LINES,
    );
    expect(long, `split by loop / rule / wiring: more than ${MAX_FILE_LINES} lines`).toEqual([]);
    expect(
      files.filter((file) => /(?:utils?|helpers?|common|misc|index)\.ts$/.test(file)),
      "name the file after what it does",
    ).toEqual([]);
    expect(
      files.filter((file) => !/^[a-z0-9-]+(\.[a-z0-9]+)*\.ts$/.test(file.split("/").at(-1) ?? "")),
      "file names are kebab-case",
    ).toEqual([]);
  });

  it("keeps the workflow language pure", () => {
    const impure = files
      .filter((file) => file.startsWith("src/workflow/"))
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => /^(node:)?(fs|net|http|https|child_process|process|timers|os|worker_threads)/.test(name))
          .map((name) => `${file} imports ${name}`),
      );
    expect(impure).toEqual([]);
  });

  it("takes time, chance and the environment by parameter", () => {
    const rules: { pattern: RegExp; allowed: RegExp; reason: string }[] = [
      {
        pattern: /\bDate\.now\(|\bMath\.random\(|\bsetTimeout\(|\bsetInterval\(/,
        allowed: /^src\/lib\//,
        reason: "use Clock and Ids",
      },
      { pattern: /\bprocess\.env\b/, allowed: /^src\/(cli|executors)\//, reason: "only cli reads the environment" },
      { pattern: /\bprocess\.exit\(/, allowed: /^src\/cli\//, reason: "only cli ends the process" },
    ];
    const wrong = files.flatMap((file) => {
      const text = readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
      return rules
        .filter(({ pattern, allowed }) => !allowed.test(file) && pattern.test(text))
        .map(({ reason }) => `${file}: ${reason}`);
    });
    expect(wrong).toEqual([]);
  });
});
