import type { MappingEntry, Template } from "../model.ts";
import type { Findings } from "./findings.ts";
import { PLACES, type Place } from "./place.ts";
import { readFields, type Shape } from "./read-fields.ts";
import { readMappingTemplate, readTemplate } from "./read-template.ts";
import type { YamlMapping, YamlNode } from "./yaml-node.ts";

const CONTAINER: Shape = {
  what: "a container",
  keys: ["image", "credentials", "env", "ports", "volumes", "options"],
};
const SERVICE: Shape = { ...CONTAINER, what: "a service", keys: [...CONTAINER.keys, "entrypoint", "command"] };
const CREDENTIALS: Shape = {
  what: "the credentials",
  keys: ["username", "password"],
  required: ["username", "password"],
};

/** Reads `container`: an image, or a mapping. */
export function readContainer(node: YamlNode, findings: Findings): Template | undefined {
  return readImage(node, CONTAINER, findings);
}

/** Reads `services`: containers by name. */
export function readServices(node: YamlNode, findings: Findings): Template | undefined {
  if (node.kind !== "mapping") return readScalarOnly(node, "the services", findings);
  const entries = node.entries.map(({ key, value }): MappingEntry | undefined => {
    const service = readImage(value, SERVICE, findings);
    return service && { key: { kind: "literal", value: String(key.value ?? ""), range: key.range }, value: service };
  });
  return { kind: "mapping", entries: entries.filter((entry) => entry !== undefined), range: node.range };
}

function readImage(node: YamlNode, shape: Shape, findings: Findings): Template | undefined {
  if (node.kind !== "mapping") return readScalarOnly(node, shape.what, findings);
  readFields(node, shape, findings);
  checkImage(node, shape.what, findings);
  const entries = node.entries.map(({ key, value }): MappingEntry => {
    const name = String(key.value ?? "");
    return { key: { kind: "literal", value: name, range: key.range }, value: readKey(name, value, findings) };
  });
  return { kind: "mapping", entries, range: node.range };
}

function checkImage(node: YamlMapping, what: string, findings: Findings): void {
  const start = node.entries[0]?.key.range ?? node.range;
  const image = node.entries.find(({ key }) => key.value === "image");
  const empty =
    image?.value.kind === "scalar" &&
    (image.value.value === null || (image.value.value === "" && what === CONTAINER.what));
  if (image === undefined || empty) {
    findings.error(
      "missing-image",
      `Container image cannot be empty: give ${what} an 'image'`,
      image?.value.range ?? start,
    );
  }
}

function readKey(name: string, value: YamlNode, findings: Findings): Template {
  if (name === "env") {
    return (
      readMappingTemplate(value, PLACES.jobOutputs, findings) ?? { kind: "literal", value: null, range: value.range }
    );
  }
  if (name === "credentials" && value.kind === "mapping") readFields(value, CREDENTIALS, findings);
  const place: Place = name === "credentials" ? PLACES.credentials : PLACES.job;
  return readTemplate(value, place, findings, "text");
}

function readScalarOnly(node: YamlNode, what: string, findings: Findings): Template | undefined {
  if (node.kind === "scalar") return readTemplate(node, PLACES.job, findings, "text");
  findings.error("wrong-type", `A sequence was not expected; ${what} is a text or a mapping`, node.range);
  return undefined;
}
