/** The name of an image, taken apart. */
export interface ImageReference {
  /** As the engine is asked for it: always with a tag or a digest. */
  readonly full: string;
  /** The registry that holds it; `docker.io` when the name does not say. */
  readonly registry: string;
}

/**
 * Reads `[registry/]path[:tag][@digest]`. Without a tag it is `latest`: engines would else fetch every tag.
 * The first part is a registry when it holds a dot or a colon, or is `localhost` (distribution/reference).
 */
export function parseImageReference(name: string): ImageReference {
  const text = name.trim().replace(/^docker:\/\//, "");
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  const registry = /[.:]/.test(first) || first === "localhost" ? first : "docker.io";
  const tagged = text.includes("@") || text.lastIndexOf(":") > text.lastIndexOf("/");
  return { full: tagged ? text : `${text}:latest`, registry };
}
