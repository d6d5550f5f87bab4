/** Bodies that the dataset has, sent as they are to the URL as it is, of an API that nobody described. */
import { AssayError } from "../../services/common/errors.ts";
import type { Endpoint } from "../endpoint.ts";
import { parseUnknown } from "./answer.ts";
import type { TemplateOptions } from "./template.ts";

/** `formatBody` throws `invalid_argument`: a turn without a body of its own cannot be sent. */
export function createRawEndpoint({ responseField = "", reasoningTags }: Omit<TemplateOptions, "template"> = {}): Endpoint {
  return {
    name: "raw",
    path: "",
    canStream: true,
    takes: [],
    produces: "text",
    formatBody() {
      throw new AssayError("invalid_argument", "the endpoint raw sends bodies that the dataset has, and this turn has none");
    },
    parse: (response) => parseUnknown(response, responseField, reasoningTags),
  };
}
