import type { Annotation, Emit } from "./job-event.ts";
import type { Masker } from "./masker.ts";

/**
 * The one door through which events leave a job: secrets are replaced here, so that nobody behind it ever sees one.
 * `mask` events end here. Job outputs pass as they are: the engine drops those that hold a secret.
 */
export function maskEvents(masker: Masker, emit: Emit): Emit {
  return (event) => {
    switch (event.type) {
      case "mask":
        masker.add(event.value);
        return;
      case "line":
        return emit({ ...event, text: masker.mask(event.text) });
      case "step-started":
        return emit({ ...event, name: masker.mask(event.name) });
      case "summary":
        return emit({ ...event, markdown: maskLines(masker, event.markdown) });
      case "annotation":
        return emit({ ...event, annotation: maskAnnotation(masker, event.annotation) });
      default:
        return emit(event);
    }
  };
}

function maskLines(masker: Masker, text: string): string {
  return text
    .split("\n")
    .map((line) => masker.mask(line))
    .join("\n");
}

function maskAnnotation(masker: Masker, annotation: Annotation): Annotation {
  return {
    ...annotation,
    message: maskLines(masker, annotation.message),
    ...(annotation.title === undefined ? {} : { title: masker.mask(annotation.title) }),
    ...(annotation.file === undefined ? {} : { file: masker.mask(annotation.file) }),
  };
}
