// Writes src/api/types.ts from docs/openapi.json, which the server's tests hold to the code.
// `--check`: only say whether it is up to date.
import { readFileSync, writeFileSync } from "node:fs";

const at = (path) => new URL(path, import.meta.url);
const document = JSON.parse(readFileSync(at("../../docs/openapi.json"), "utf8"));
const PREFIX = "/api/v1";

const isName = (key) => /^[A-Za-z_$][\w$]*$/.test(key);
const quoted = (key) => (isName(key) ? key : JSON.stringify(key));
const named = (ref) => ref.split("/").pop().replace(/\W/g, "_");

function type(schema) {
  if (!schema || schema === true) return "unknown";
  if (schema.$ref) return named(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const many = schema.oneOf ?? schema.anyOf;
  if (many) return [...new Set(many.map(type))].join(" | ");
  if (schema.allOf) return schema.allOf.map((part) => `(${type(part)})`).join(" & ");
  if (Array.isArray(schema.type)) return [...new Set(schema.type.map((one) => type({ ...schema, type: one })))].join(" | ");
  switch (schema.type) {
    case "null":
      return "null";
    case "string":
      return "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "array":
      if (schema.prefixItems) return `[${schema.prefixItems.map(type).join(", ")}]`;
      return `Array<${type(schema.items)}>`;
    case "object": {
      const own = Object.entries(schema.properties ?? {});
      const more = schema.additionalProperties;
      if (own.length === 0) return more && more !== true ? `Record<string, ${type(more)}>` : "Record<string, unknown>";
      return object(schema, own);
    }
    default:
      return schema.properties ? object(schema, Object.entries(schema.properties)) : "unknown";
  }
}

function object(schema, properties) {
  const required = new Set(schema.required ?? []);
  const field = ([key, value]) => {
    const doc = value.description ? `/** ${value.description.replaceAll("*/", "* /").replaceAll("\n", " ")} */ ` : "";
    return `${doc}${quoted(key)}${required.has(key) ? "" : "?"}: ${type(value)};`;
  };
  return `{ ${properties.map(field).join(" ")} }`;
}

function operation(method, path, { parameters = [], requestBody, responses }) {
  const params = (where) => parameters.filter((one) => one.in === where);
  const fields = (where) =>
    params(where)
      .map((one) => `${quoted(one.name)}${one.required ? "" : "?"}: ${type(one.schema)};`)
      .join(" ");
  const media = requestBody?.content?.["application/json"];
  const answer = Object.entries(responses).find(([status]) => status.startsWith("2"))?.[1];
  const body = answer?.content?.["application/json"]?.schema;
  const lines = [
    params("path").length ? `path: { ${fields("path")} };` : "path?: undefined;",
    params("query").length ? `query?: { ${fields("query")} };` : "query?: undefined;",
    media ? `body: ${type(media.schema)};` : "body?: undefined;",
    `answer: ${body ? type(body) : "undefined"};`,
  ];
  return `  ${JSON.stringify(`${method.toUpperCase()} ${path.replace(PREFIX, "")}`)}: { ${lines.join(" ")} };`;
}

const methods = ["get", "post", "put", "patch", "delete"];
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  methods.filter((method) => item[method]).map((method) => operation(method, path, item[method])),
);
const schemas = Object.entries(document.components.schemas).map(
  ([name, schema]) =>
    `${schema.description ? `/** ${schema.description.replaceAll("*/", "* /").replaceAll("\n", " ")} */\n` : ""}export type ${named(name)} = ${type(schema)};`,
);
const text = `// Written by scripts/types.mjs from docs/openapi.json. Do not edit; run: npm run types

/** Every operation of /api/v1. */
export interface Operations {
${operations.join("\n")}
}

${schemas.join("\n\n")}
`;

const target = at("../src/api/types.ts");
if (process.argv.includes("--check")) {
  let present = "";
  try {
    present = readFileSync(target, "utf8");
  } catch {}
  if (present !== text) {
    console.error("web/src/api/types.ts is not that of docs/openapi.json; write it with: npm --prefix web run types");
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
