import { describe, expect, it } from "vitest";
import { Masker } from "../../../../src/runner/engine/masker.ts";
import { secretForms } from "../../../../src/runner/engine/secret-forms.ts";

function masker(...secrets: string[]): Masker {
  const made = new Masker();
  for (const secret of secrets) made.add(secret);
  return made;
}

const SECRET = 's3cr3t "quo\'ted" <&> /+value';

describe("Masker", () => {
  it.each([
    ["nothing to do", ["hunter2"], "plain text", "plain text"],
    ["a hit", ["hunter2"], "the hunter2 ran", "the *** ran"],
    ["at both ends", ["hunter2"], "hunter2 hunter2", "*** ***"],
    ["touching hits are one", ["hunter2"], "hunter2hunter2", "***"],
    ["overlapping hits are one", ["abcdef", "defghi"], "x abcdefghi y", "x *** y"],
    ["the longest wins", ["pass", "password"], "my password!", "my ***!"],
    ["inner hits do not end the outer", ["bcd", "abcdefg"], "-abcdefg-", "-***-"],
    ["a hit beyond a failed start", ["aab"], "aaab", "a***"],
    ["one character is not masked", ["x"], "xxx", "xxx"],
    ["two are", ["xy"], "axyb", "a***b"],
    ["each line of a multi-line secret", ["first line\nsecond line\n"], "- second line -", "- *** -"],
    ["blank lines of it are not", ["first\n\n  \nsecond"], "a  b", "a  b"],
    ["letters beyond ASCII", ["pässwörd"], "ein pässwörd", "ein ***"],
    ["nothing is special", ["a.*(b"], "x a.*(b y", "x *** y"],
  ])("%s", (_, secrets, text, expected) => {
    expect(masker(...secrets).mask(text)).toBe(expected);
  });

  it.each([
    ["base64", Buffer.from(SECRET).toString("base64")],
    ["base64 after one byte", Buffer.from(`a${SECRET}`).toString("base64")],
    ["base64 after two bytes", Buffer.from(`ab${SECRET}`).toString("base64")],
    ["base64 in the middle", Buffer.from(`user:${SECRET}:more`).toString("base64")],
    ["base64url", Buffer.from(SECRET).toString("base64url")],
    ["basic authentication", Buffer.from(`x-access-token:${SECRET}`).toString("base64")],
    ["JSON", JSON.stringify({ token: SECRET })],
    ["URL", `https://host/?q=${encodeURIComponent(SECRET)}`],
    ["XML", "s3cr3t &quot;quo&apos;ted&quot; &lt;&amp;&gt; /+value"],
    ["shell quoting", `'${SECRET.replaceAll("'", "'\\''")}'`],
    ["expression quoting", `'${SECRET.replaceAll("'", "''")}'`],
    ["escaped quotes", `"${SECRET.replaceAll('"', '\\"')}"`],
  ])("masks the secret as %s", (_, text) => {
    const masked = masker(SECRET).mask(text);
    expect(masked).toContain("***");
    expect(masked).not.toContain(text.slice(text.length / 2 - 4, text.length / 2 + 4));
  });

  it("takes no encodings that would hit ordinary text", () => {
    expect(secretForms("ab").filter((form) => form.length < 4)).toEqual(["ab"]);
  });

  it("masks values that are added later, from then on", () => {
    const one = masker("hunter2");
    expect(one.mask("hunter2 later")).toBe("*** later");
    one.add("later");
    expect(one.mask("hunter2 later")).toBe("*** ***");
  });

  it("finds a secret in a text of several lines", () => {
    expect(masker("line one\nline two").contains("line one\nline two")).toBe(true);
    expect(masker("hunter2").contains("a\nhunter2\nb")).toBe(true);
    expect(masker("hunter2").contains("a\nb")).toBe(false);
  });

  it("agrees with the plain way on random texts", () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const word = (length: number) => Array.from({ length }, () => "abc".charAt(random(3))).join("");
    for (let round = 0; round < 300; round += 1) {
      const secrets = Array.from({ length: 1 + random(4) }, () => word(2 + random(4)));
      const text = word(30);
      const forms = secrets.flatMap(secretForms);
      expect(masker(...secrets).mask(text)).toBe(maskPlainly(forms, text));
    }
  });
});

function maskPlainly(forms: readonly string[], text: string): string {
  const covered = Array.from({ length: text.length }, () => false);
  for (const form of forms) {
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1))
      covered.fill(true, at, at + form.length);
  }
  return covered.map((hit, at) => (hit ? (covered[at - 1] === true ? "" : "***") : text.charAt(at))).join("");
}
