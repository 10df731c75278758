// The page that `draw.mjs` photographs: a dashboard's panels on its grid, drawn by @grafana/ui from Prometheus' answers.

import { createRoot } from 'react-dom/client';
import { createTheme, dateTime, EventBusSrv, ThemeContext } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { PanelChrome, PanelContextProvider } from '@grafana/ui';
import chartStyles from 'uplot/dist/uPlot.min.css';
import { framesOf } from './frames.mjs';
import { PICTURES } from './pictures.jsx';

const CELL = 30; // Grafana's grid: 30 pixels a unit, 8 between panels
const GAP = 8;
const COLUMNS = 24;

const { dashboard, from, to, variables, results, width } = window.__data;
const theme = createTheme({ colors: { mode: 'light' } });
const timeRange = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: 'now-15m', to: 'now' } };
const interpolate = (text) => text.replace(/\$\{?(\w+)\}?/g, (whole, name) => variables[name] ?? whole);

function Panel({ panel }) {
  const column = (width - GAP) / COLUMNS;
  const size = {
    width: panel.gridPos.w * column - GAP,
    height: panel.gridPos.h * (CELL + GAP) - GAP,
  };
  const left = GAP + panel.gridPos.x * column;
  const top = (panel.gridPos.y - panel.top) * (CELL + GAP);
  const Picture = PICTURES[panel.type];
  const data = framesOf(panel, results[panel.id], interpolate, theme);
  return (
    <div data-panel={panel.id} data-type={panel.type} style={{ position: 'absolute', left, top, ...size }}>
      <PanelChrome title={interpolate(panel.title)} description={panel.description} {...size}>
        {(innerWidth, innerHeight) => (
          <Picture panel={panel} frames={data} timeRange={timeRange} width={innerWidth} height={innerHeight} theme={theme} />
        )}
      </PanelChrome>
    </div>
  );
}

// The panels of a row, with their places counted from its head.
function rows() {
  const made = [];
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') {
      made.push({ title: panel.title, panels: [], top: panel.gridPos.y + 1, bottom: panel.gridPos.y + 1 });
    } else {
      const row = made.at(-1);
      row.panels.push({ ...panel, top: row.top });
      row.bottom = Math.max(row.bottom, panel.gridPos.y + panel.gridPos.h);
    }
  }
  return made;
}

function Dashboard() {
  const font = { fontFamily: theme.typography.fontFamily, color: theme.colors.text.primary };
  return (
    <ThemeContext.Provider value={theme}>
      <PanelContextProvider value={{ eventBus: new EventBusSrv(), eventsScope: 'panel' }}>
        <style>{`* { box-sizing: border-box; } ${chartStyles}`}</style>
        <div id="dashboard" data-drawn style={{ ...font, background: theme.colors.background.canvas, width, paddingBottom: GAP }}>
          <div style={{ padding: `12px ${GAP + 4}px 0`, fontSize: 20 }}>{dashboard.title}</div>
          {rows().map((row) => (
            <div key={row.title} data-row={row.title} style={{ background: theme.colors.background.canvas }}>
              <div style={{ padding: `12px ${GAP + 4}px 6px`, fontSize: 15, fontWeight: 500 }}>{interpolate(row.title)}</div>
              <div style={{ position: 'relative', height: (row.bottom - row.top) * (CELL + GAP) }}>
                {row.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
              </div>
            </div>
          ))}
        </div>
      </PanelContextProvider>
    </ThemeContext.Provider>
  );
}

const draw = () => createRoot(document.getElementById('root')).render(<Dashboard />);
initPluginTranslations('stanzascope').then(draw, draw);
