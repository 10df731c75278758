// Holds dashboards against Grafana's own types: the dashboard's, its panels', and those of each panel's options and field configuration.
//
//   node schema.mjs DASHBOARD.json...
//
// The types come from @grafana/schema. Written as object literals, none of these may have a property that its type does not know.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';

const PANELS = { stat: 'Stat', bargauge: 'BarGauge', timeseries: 'TimeSeries', table: 'Table' };
// The annotations of Prometheus have keys of their own, which the plugin knows and the schema does not.
const OF_PROMETHEUS = ['titleFormat', 'textFormat', 'useValueForTime'];

// An enum of the types is its word or number in a file.
const HEAD = `
import type { AnnotationQuery, Dashboard, FieldConfigSource, Panel, RowPanel, VariableModel } from '@grafana/schema';
${Object.entries(PANELS).map(([kind, name]) => `import type * as ${kind} from '@grafana/schema/dist/esm/raw/composable/${kind}/panelcfg/x/${name}PanelCfg_types.gen';`).join('\n')}
type InFile<T> = unknown extends T ? T
  : T extends string ? \`\${T}\`
  : T extends number ? (\`\${T}\` extends \`\${infer N extends number}\` ? N : number)
  : T extends boolean | null | undefined ? T
  : T extends (infer E)[] ? InFile<E>[]
  : { [K in keyof T]: InFile<T[K]> };
`;

function source(dashboard) {
  const { panels, annotations, templating, ...rest } = dashboard;
  const lines = [HEAD];
  const hold = (name, type, value) => lines.push(`export const ${name}: ${type} = ${JSON.stringify(value)};`);
  hold('dashboard', 'InFile<Dashboard>', rest);
  annotations.list.forEach((annotation, i) => {
    const known = Object.fromEntries(Object.entries(annotation).filter(([key]) => !OF_PROMETHEUS.includes(key)));
    hold(`annotation_${i}`, 'InFile<AnnotationQuery & { target?: { expr: string } }>', known);
  });
  templating.list.forEach((variable) => hold(`variable_${variable.name}`, 'InFile<VariableModel>', variable));
  for (const { options, fieldConfig, ...panel } of panels) {
    if (panel.type === 'row') {
      hold(`row_${panel.id}`, 'InFile<RowPanel>', panel);
      continue;
    }
    const { custom, ...defaults } = fieldConfig.defaults;
    hold(`panel_${panel.id}`, 'InFile<Panel>', panel);
    hold(`options_${panel.id}`, `InFile<Partial<${panel.type}.Options>>`, options);
    hold(`fields_${panel.id}`, 'InFile<FieldConfigSource>', { ...fieldConfig, defaults });
    if (custom) {
      hold(`custom_${panel.id}`, `InFile<Partial<${panel.type}.FieldConfig>>`, custom);
    }
  }
  return lines.join('\n');
}

const files = Object.fromEntries(
  process.argv.slice(2).map((path) => [join(import.meta.dirname, `${basename(path, '.json')}.check.ts`), source(JSON.parse(readFileSync(path, 'utf8')))]),
);
const options = {
  strict: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler, types: [],
};
const host = ts.createCompilerHost(options);
const { fileExists, readFile, getSourceFile } = host;
host.fileExists = (name) => name in files || fileExists(name);
host.readFile = (name) => files[name] ?? readFile(name);
host.getSourceFile = (name, ...more) => (name in files ? ts.createSourceFile(name, files[name], ...more) : getSourceFile(name, ...more));
const wrong = ts.getPreEmitDiagnostics(ts.createProgram(Object.keys(files), options, host));
for (const problem of wrong) {
  const place = problem.file ? problem.file.text.slice(0, problem.start).split('\n').at(-1).slice(0, 60) : '';
  console.error(`${basename(problem.file?.fileName ?? '')}: ${place} … ${ts.flattenDiagnosticMessageText(problem.messageText, '\n')}`);
}
if (!Object.keys(files).length || wrong.length) {
  process.exit(1);
}
