// Prometheus' answers as Grafana's data frames, with the panel's transformations and field configuration applied.

import { applyFieldOverrides, FieldType, Registry, standardTransformers, toDataFrame } from '@grafana/data';
import { of } from 'rxjs';

export function framesOf(panel, answers, interpolate, theme) {
  const several = panel.targets.length > 1;
  const made = panel.targets.flatMap((target) => {
    const series = answers[target.refId];
    return target.format === 'table' ? [asTable(target, series, several)] : series.map((one) => asSeries(target, one, interpolate));
  });
  return configured(transformed(panel.transformations ?? [], made, interpolate), panel, theme);
}

function asSeries(target, { metric, values, value }, interpolate) {
  const samples = values ?? [value];
  const name = target.legendFormat === '__auto'
    ? undefined
    : interpolate(target.legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? ''));
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: samples.map(([at]) => at * 1000) },
      { name: 'Value', type: FieldType.number, labels: metric, values: samples.map(([, text]) => Number(text)), config: name ? { displayNameFromDS: name } : {} },
    ],
  });
}

function asTable(target, series, several) {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: series.map(({ value }) => value[0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: series.map(({ metric }) => metric[label] ?? '') })),
      { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: series.map(({ value }) => Number(value[1])) },
    ],
  });
}

function transformed(transformations, frames, interpolate) {
  return transformations.reduce((made, { id, options }) => apply(TRANSFORMERS[id] ?? fail(id), options, made, interpolate), frames);
}

const TRANSFORMERS = Object.fromEntries(Object.values(standardTransformers).map((transformer) => [transformer.id, transformer]));

function fail(id) {
  throw new Error(`@grafana/data has no transformation ${id}`);
}

// Each answers at once, though through an observable.
function apply(transformer, options, frames, interpolate) {
  let result;
  const filled = JSON.parse(JSON.stringify(options), (_, value) => (typeof value === 'string' ? interpolate(value) : value));
  const operator = transformer.operator({ ...transformer.defaultOptions, ...filled }, { interpolate });
  of(frames).pipe(operator).subscribe((value) => (result = value));
  return result ?? fail(`${transformer.id} that answers at once`);
}

function configured(frames, panel, theme) {
  return applyFieldOverrides({
    data: frames, fieldConfig: panel.fieldConfig, fieldConfigRegistry: properties(panel.fieldConfig), replaceVariables: (text) => text, theme,
    timeZone: 'utc',
  });
}

// Which properties a panel has is said by Grafana's application, not by its libraries: here, those that it sets.
function properties({ defaults, overrides }) {
  const property = (id, path, isCustom) => ({ id, path, isCustom, name: id, process: (value) => value, shouldApply: () => true });
  const own = Object.keys(defaults.custom ?? {}).map((key) => `custom.${key}`);
  const changed = overrides.flatMap((override) => override.properties.map(({ id }) => id));
  const ids = new Set([...Object.keys(defaults), ...own, ...changed]);
  ids.delete('custom');
  return new Registry(() => [...ids].map((id) => property(id, id.replace(/^custom\./, ''), id.startsWith('custom.'))));
}
