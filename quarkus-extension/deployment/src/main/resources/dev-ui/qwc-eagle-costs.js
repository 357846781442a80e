import { LitElement, html, svg, css } from 'lit';
import { JsonRpc } from 'jsonrpc';

const WIDTH = 640;
const HEIGHT = 280;
const LEFT = 56;
const RIGHT = 72;
const TOP = 16;
const BOTTOM = 44;

/** What the models' steps cost, and which budgets were chosen by that. Asks again every two seconds. */
export class QwcEagleCosts extends LitElement {

  jsonRpc = new JsonRpc(this, false);

  static styles = css`
    :host { display: block; padding: 1rem; overflow: auto; color: var(--lumo-body-text-color); }
    figure { margin: 0 0 1.5rem; }
    figcaption { max-width: 40rem; font-size: var(--lumo-font-size-s); }
    svg { max-width: 100%; height: auto; }
    svg text { font: 12px var(--lumo-font-family); fill: var(--lumo-body-text-color); }
    .axis, .tick { stroke: var(--lumo-contrast-20pct); }
    .target { stroke: var(--lumo-primary-color); fill: none; stroke-width: 2; }
    .draft { stroke: var(--lumo-success-color); fill: none; stroke-width: 2; stroke-dasharray: 6 4; }
    circle.target { fill: var(--lumo-primary-color); stroke: none; }
    circle.draft { fill: var(--lumo-success-color); stroke: none; }
    .bar { fill: var(--lumo-primary-color); }
    table { border-collapse: collapse; }
    th, td { padding: .2rem 1.25rem .2rem 0; text-align: right; border-bottom: 1px solid var(--lumo-contrast-10pct);
      font-variant-numeric: tabular-nums; }
    summary:focus-visible { outline: 2px solid var(--lumo-primary-color); outline-offset: 2px; }
    .error { color: var(--lumo-error-text-color); }
  `;

  static properties = {
    _costs: { state: true },
    _error: { state: true },
  };

  connectedCallback() {
    super.connectedCallback();
    this._ask();
    this._timer = setInterval(() => this._ask(), 2000);
  }

  disconnectedCallback() {
    clearInterval(this._timer);
    super.disconnectedCallback();
  }

  async _ask() {
    try {
      const models = (await this.jsonRpc.models()).result;
      this._costs = await Promise.all(models.map(async model => (
        { name: model.name, model: model.model, ...(await this.jsonRpc.costs({ model: model.name })).result })));
      this._error = null;
    } catch {
      this._error = 'The application does not answer; it may be starting again.';
    }
  }

  render() {
    if (this._error) {
      return html`<p class="error" role="alert">${this._error}</p>`;
    }
    if (!this._costs) {
      return html`<p role="status">Asking the application…</p>`;
    }
    return this._costs.map(costs => html`
      <section aria-label=${costs.name}>
        <h3>${costs.name}: ${costs.model}</h3>
        ${this._curves(costs)}
        ${this._histogram(costs.budgets)}
      </section>`);
  }

  _curves({ target, draft }) {
    const most = Math.max(...[...target, ...draft].map(cost => cost.milliseconds));
    const widest = Math.max(...[...target, ...draft].map(cost => cost.rows));
    // Rows double from tick to tick: the small steps are the ones that matter.
    const x = rows => LEFT + (WIDTH - LEFT - RIGHT) * Math.log2(rows) / Math.log2(widest);
    const y = milliseconds => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * milliseconds / most;
    const curve = (costs, name) => costs.length ? svg`
      <polyline class=${name} points=${costs.map(cost => `${x(cost.rows)},${y(cost.milliseconds)}`).join(' ')}></polyline>
      ${costs.map(cost => svg`<circle class=${name} cx=${x(cost.rows)} cy=${y(cost.milliseconds)} r="3.5">
        <title>${name}, ${cost.rows} rows: ${cost.milliseconds.toFixed(2)} ms</title></circle>`)}
      <text x=${x(costs.at(-1).rows) + 8} y=${y(costs.at(-1).milliseconds) + 4}>${name}</text>` : '';
    return html`
      <figure>
        <figcaption>What a step costs by its number of rows: measured when the model opened, corrected by every step
          since. The adaptive budget is chosen by these.</figcaption>
        <svg role="img" aria-label="Milliseconds of a step by its rows; the same numbers are in the table below"
          viewBox="0 0 ${WIDTH} ${HEIGHT}" width=${WIDTH} height=${HEIGHT}>
          ${this._vertical(most, value => y(value), value => `${value} ms`)}
          ${this._horizontal(powers(widest), x)}
          <text x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 6} text-anchor="middle">rows</text>
          ${curve(target, 'target')}${curve(draft, 'draft')}
        </svg>
        <details>
          <summary>Costs as a table</summary>
          <table>
            <thead><tr><th scope="col">Rows</th><th scope="col">Target, ms</th><th scope="col">Draft, ms</th></tr></thead>
            <tbody>${target.map(cost => html`<tr>
              <th scope="row">${cost.rows}</th>
              <td>${cost.milliseconds.toFixed(2)}</td>
              <td>${draft.find(each => each.rows === cost.rows)?.milliseconds.toFixed(2) ?? '–'}</td></tr>`)}</tbody>
          </table>
        </details>
      </figure>`;
  }

  _histogram(budgets) {
    if (!budgets.length) {
      return html`<p>No cycle has run since the application started; ask the model something.</p>`;
    }
    const most = Math.max(...budgets.map(budget => budget.cycles));
    const largest = Math.max(8, ...budgets.map(budget => budget.nodes));
    const step = (WIDTH - LEFT - RIGHT) / (largest + 1);
    const x = nodes => LEFT + step * (nodes + .5);
    const y = cycles => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * cycles / most;
    const every = Math.ceil((largest + 1) / 16);
    const ticks = Array.from({ length: largest + 1 }, (_, nodes) => nodes).filter(nodes => nodes % every === 0);
    return html`
      <figure>
        <figcaption>How many nodes the cycles since the application’s start verified; 0 is plain decoding.</figcaption>
        <svg role="img" aria-label="Cycles by the nodes of their trees; the same numbers are in the table below"
          viewBox="0 0 ${WIDTH} ${HEIGHT}" width=${WIDTH} height=${HEIGHT}>
          ${this._vertical(most, value => y(value), value => value)}
          ${this._horizontal(ticks, x)}
          <text x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 6} text-anchor="middle">nodes</text>
          ${budgets.map(budget => svg`<rect class="bar" x=${x(budget.nodes) - step * .4} width=${step * .8}
            y=${y(budget.cycles)} height=${HEIGHT - BOTTOM - y(budget.cycles)}>
            <title>${budget.nodes} nodes: ${budget.cycles} cycles</title></rect>`)}
        </svg>
        <details>
          <summary>Budgets as a table</summary>
          <table>
            <thead><tr><th scope="col">Nodes</th><th scope="col">Cycles</th></tr></thead>
            <tbody>${budgets.map(budget => html`<tr><th scope="row">${budget.nodes}</th><td>${budget.cycles}</td></tr>`)}</tbody>
          </table>
        </details>
      </figure>`;
  }

  _vertical(most, y, name) {
    const step = roundStep(most / 4);
    const values = Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
    return values.map(value => svg`
      <line class="tick" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(value)} y2=${y(value)}></line>
      <text x=${LEFT - 6} y=${y(value) + 4} text-anchor="end">${name(value)}</text>`);
  }

  _horizontal(values, x) {
    return svg`<line class="axis" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${HEIGHT - BOTTOM} y2=${HEIGHT - BOTTOM}></line>
      ${values.map(value => svg`<text x=${x(value)} y=${HEIGHT - BOTTOM + 18} text-anchor="middle">${value}</text>`)}`;
  }
}

function powers(most) {
  const values = [];
  for (let value = 1; value <= most; value *= 2) {
    values.push(value);
  }
  return values;
}

/** The next 1, 2 or 5 times a power of ten. */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= least);
}

customElements.define('qwc-eagle-costs', QwcEagleCosts);
