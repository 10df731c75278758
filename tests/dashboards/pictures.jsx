// One picture per type of panel, by the components that Grafana's own panels are made of.

import { getFieldDisplayValues } from '@grafana/data';
import { BarGauge, BigValue, Table, TimeSeries, VizRepeater } from '@grafana/ui';

const asIs = (text) => text;

function NoData({ panel }) {
  return <div style={{ padding: 8 }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
}

function Lines({ panel, frames, timeRange, width, height }) {
  if (!frames.length) {
    return <NoData panel={panel} />;
  }
  return (
    <TimeSeries
      frames={frames} timeRange={timeRange} timeZone="utc" width={width} height={height} legend={panel.options.legend}
      structureRev={1} replaceVariables={asIs} options={panel.options}
    />
  );
}

function displayValues({ panel, frames, theme }) {
  return () => getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: asIs, theme, data: frames, timeZone: 'utc',
  });
}

function Numbers(props) {
  const { panel, frames, width, height, theme } = props;
  const { colorMode, graphMode, justifyMode, textMode, orientation } = panel.options;
  return (
    <VizRepeater
      getValues={displayValues(props)} source={frames} width={width} height={height} orientation={orientation} renderCounter={1}
      renderValue={({ value, width, height, count }) => (
        <BigValue
          value={value.display} count={count} colorMode={colorMode} graphMode={graphMode} justifyMode={justifyMode}
          textMode={count === 1 ? 'value' : textMode} width={width} height={height} theme={theme}
        />
      )}
    />
  );
}

function Bars(props) {
  const { panel, frames, width, height, theme } = props;
  const { displayMode, showUnfilled, valueMode, orientation, minVizHeight, maxVizHeight } = panel.options;
  if (!frames.length) {
    return <NoData panel={panel} />;
  }
  return (
    <VizRepeater
      getValues={displayValues(props)} source={frames} width={width} height={height} orientation={orientation} renderCounter={1}
      itemSpacing={10} minVizHeight={minVizHeight} maxVizHeight={maxVizHeight}
      getAlignmentFactors={(values) => ({
        title: longest(values.map((value) => value.display.title ?? '')),
        text: longest(values.map((value) => value.display.text + (value.display.suffix ?? ''))),
      })}
      renderValue={({ value, width, height, alignmentFactors }) => (
        <BarGauge
          width={width} height={height} orientation={orientation} field={value.field} value={value.display} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
          theme={theme} displayMode={displayMode} showUnfilled={showUnfilled} valueDisplayMode={valueMode} itemSpacing={10}
          lcdCellWidth={12} alignmentFactors={alignmentFactors}
        />
      )}
    />
  );
}

const longest = (texts) => texts.reduce((a, b) => (b.length > a.length ? b : a), '');

function Rows({ panel, frames, width, height }) {
  if (!frames.length || !frames[0].length) {
    return <NoData panel={panel} />;
  }
  return <Table data={frames[0]} width={width} height={height} cellHeight={panel.options.cellHeight} initialSortBy={panel.options.sortBy} />;
}

export const PICTURES = { timeseries: Lines, stat: Numbers, bargauge: Bars, table: Rows };
