import { LitElement, html, css } from 'lit';
import { JsonRpc } from 'jsonrpc';

/** The application's models: engine, slots, and how fast the last answer came. Asks again every second. */
export class QwcEagleModels extends LitElement {

  jsonRpc = new JsonRpc(this);

  static styles = css`
    :host { display: block; padding: 1rem; overflow-x: auto; }
    table { border-collapse: collapse; min-width: 40rem; }
    caption { padding-bottom: .75rem; text-align: left; }
    th, td { padding: .5rem 1.25rem .5rem 0; text-align: left; border-bottom: 1px solid var(--lumo-contrast-10pct); }
    .number { text-align: right; font-variant-numeric: tabular-nums; }
  `;

  static properties = {
    _models: { state: true },
    _error: { state: true },
  };

  connectedCallback() {
    super.connectedCallback();
    this._ask();
    this._timer = setInterval(() => this._ask(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this._timer);
    super.disconnectedCallback();
  }

  _ask() {
    this.jsonRpc.models().then(reply => {
      this._models = reply.result;
      this._error = null;
    }).catch(() => {
      this._error = 'The application does not answer; it may be starting again.';
    });
  }

  render() {
    if (this._error) {
      return html`<p role="alert">${this._error}</p>`;
    }
    if (!this._models) {
      return html`<p role="status">Asking the application…</p>`;
    }
    return html`
      <table>
        <caption>τ and tokens/s are those of the last answer that came to its end.</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Model</th>
            <th scope="col">Engine</th>
            <th scope="col">Drafter</th>
            <th scope="col" class="number">τ</th>
            <th scope="col" class="number">Tokens/s</th>
            <th scope="col" class="number">Slots in use</th>
            <th scope="col" class="number">Queued</th>
          </tr>
        </thead>
        <tbody>${this._models.map(model => this._row(model))}</tbody>
      </table>`;
  }

  _row(model) {
    return html`
      <tr>
        <th scope="row">${model.name}</th>
        <td>${model.model}, ${model.precision}</td>
        <td>${model.engine}</td>
        <td>${model.drafter ?? '–'}</td>
        <td class="number">${model.tau ? model.tau.toFixed(2) : '–'}</td>
        <td class="number">${model.tokensPerSecond ? model.tokensPerSecond.toFixed(1) : '–'}</td>
        <td class="number">${model.slotsInUse} of ${model.slots}</td>
        <td class="number">${model.queued}</td>
      </tr>`;
  }
}

customElements.define('qwc-eagle-models', QwcEagleModels);
