import { LitElement, html, css } from 'lit';
import { JsonRpc } from 'jsonrpc';
import { acceptedCount, drawTree, ownToken, treeStyle, visible } from './eagle-draft-tree.js';

/** Runs a prompt and draws every cycle's draft tree as it comes. */
export class QwcEagleTrees extends LitElement {

  jsonRpc = new JsonRpc(this, false);

  static styles = [treeStyle, css`
    :host { display: block; padding: 1rem; overflow: auto; color: var(--lumo-body-text-color); }
    form, .cycles { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; }
    label { display: grid; gap: .25rem; font-size: var(--lumo-font-size-s); }
    .prompt { flex: 1 1 20rem; }
    input, select, button { font: inherit; color: var(--lumo-body-text-color); background: var(--lumo-base-color);
      border: 1px solid var(--lumo-contrast-50pct); border-radius: 4px; padding: .4rem .6rem; min-height: 2.2rem;
      box-sizing: border-box; }
    input[type=range] { padding: 0; width: 16rem; accent-color: var(--lumo-primary-color); }
    button { cursor: pointer; }
    button:disabled { cursor: default; opacity: .5; }
    button.run { border: 2px solid var(--lumo-primary-color); font-weight: 600; }
    :is(input, select, button, summary):focus-visible { outline: 2px solid var(--lumo-primary-color); outline-offset: 2px; }
    .answer { white-space: pre-wrap; max-width: 60rem; line-height: 1.7; min-height: 1.7em; }
    .answer span:nth-of-type(odd) { background: var(--lumo-primary-color-10pct); }
    .answer span:nth-of-type(even) { background: var(--lumo-success-color-10pct); }
    .answer span.shown { outline: 2px solid var(--lumo-primary-color); border-radius: 2px; }
    figure { margin: 1rem 0; }
    .drawing { overflow-x: auto; }
    figcaption, .hint { font-size: var(--lumo-font-size-s); }
    table { border-collapse: collapse; }
    th, td { padding: .2rem 1rem .2rem 0; text-align: left; border-bottom: 1px solid var(--lumo-contrast-10pct); }
    .number { text-align: right; font-variant-numeric: tabular-nums; }
    .error { color: var(--lumo-error-text-color); }
  `];

  static properties = {
    _models: { state: true },
    _model: { state: true },
    _runs: { state: true },
    _shown: { state: true },
    _running: { state: true },
    _answer: { state: true },
    _error: { state: true },
  };

  constructor() {
    super();
    this._runs = [];
    this._shown = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    this.jsonRpc.models().then(reply => {
      this._models = reply.result;
      this._model = this._models[0].name;
    }).catch(() => {
      this._error = 'The application does not answer; it may be starting again. Load the page again.';
    });
  }

  disconnectedCallback() {
    this._stop();
    super.disconnectedCallback();
  }

  /** Runs of the answer: its first token, then what each cycle brought. */
  get _cycles() {
    return this._runs.filter(run => run.cycle).map(run => run.cycle);
  }

  _run(event) {
    event.preventDefault();
    this._stop();
    const fields = new FormData(event.target);
    this._runs = [];
    this._shown = 0;
    this._follow = true;
    this._answer = null;
    this._error = null;
    this._running = true;
    this._stream = this.jsonRpc.generate({
      model: this._model,
      prompt: fields.get('prompt'),
      drafter: fields.get('drafter'),
      nodes: Number(fields.get('nodes')),
      maxTokens: Number(fields.get('tokens')),
    }).onNext(message => this._next(message.result)).onError(() => {
      this._error = 'The application could not be asked.';
      this._running = false;
    });
  }

  _next(step) {
    if (step.error) {
      this._error = step.error;
      this._running = false;
      return;
    }
    const runs = [...this._runs];
    if (step.cycle || !runs.length) {
      runs.push({ cycle: step.cycle, text: step.text });
    } else {
      const last = runs.pop();
      runs.push({ ...last, text: last.text + step.text });
    }
    this._runs = runs;
    if (this._follow) {
      this._shown = Math.max(0, this._cycles.length - 1);
    }
    if (step.answer) {
      this._answer = step.answer;
      this._running = false;
    }
  }

  _stop() {
    if (this._running) {
      this._stream.cancel();
      this._running = false;
    }
  }

  _show(place) {
    this._shown = Math.min(Math.max(0, place), this._cycles.length - 1);
    this._follow = this._shown === this._cycles.length - 1;
  }

  render() {
    if (!this._models) {
      return this._error ? html`<p class="error" role="alert">${this._error}</p>` : html`<p>Asking the application…</p>`;
    }
    const cycle = this._cycles[this._shown];
    return html`
      ${this._form()}
      <p role="status" class="hint">${this._status()}</p>
      ${this._error ? html`<p class="error" role="alert">${this._error}</p>` : ''}
      <p class="answer" aria-label="Answer">${this._runs.map(run => run.cycle
        ? html`<span class=${run.cycle === cycle ? 'shown' : ''}>${run.text}</span>` : run.text)}</p>
      ${cycle ? this._drawn(cycle) : ''}`;
  }

  _form() {
    const model = this._models.find(each => each.name === this._model);
    return html`
      <form @submit=${this._run}>
        <label class="prompt">Prompt
          <input name="prompt" required autocomplete="off" value="Write the numbers from one to twelve.">
        </label>
        ${this._models.length > 1 ? html`
          <label>Model
            <select @change=${event => { this._model = event.target.value; }}>
              ${this._models.map(each => html`<option value=${each.name}>${each.name}</option>`)}
            </select>
          </label>` : ''}
        <label>Drafter
          <select name="drafter">
            <option value="">the model’s own</option>
            ${model.drafters.map(name => html`<option value=${name}>${name}</option>`)}
          </select>
        </label>
        <label>Nodes
          <select name="nodes">
            <option value="0">adaptive</option>
            ${[8, 16, 32, 60].map(nodes => html`<option value=${nodes}>${nodes}</option>`)}
          </select>
        </label>
        <label>Most tokens
          <input name="tokens" type="number" min="1" max="512" value="64">
        </label>
        <button class="run" type="submit">Run</button>
        <button class="stop" type="button" ?disabled=${!this._running} @click=${this._stop}>Stop</button>
      </form>`;
  }

  _status() {
    if (this._running) {
      return 'Running…';
    }
    const answer = this._answer;
    return answer
      ? `Done (${answer.reason}): ${answer.tokens} tokens in ${answer.cycles} cycles with ${answer.drafter}, τ ${answer.tau.toFixed(2)}`
      : this._runs.length ? 'Stopped.' : 'Run a prompt to see what each cycle drafts and what the target takes of it.';
  }

  _drawn(cycle) {
    const last = this._cycles.length - 1;
    return html`
      <div class="cycles" role="group" aria-label="Choose a cycle">
        <button type="button" class="previous" ?disabled=${this._shown === 0}
          @click=${() => this._show(this._shown - 1)}>Previous cycle</button>
        <label>Cycle ${this._shown + 1} of ${last + 1}
          <input type="range" min="0" max=${last} .value=${String(this._shown)} aria-valuetext="Cycle ${this._shown + 1}"
            @input=${event => this._show(Number(event.target.value))}>
        </label>
        <button type="button" class="next" ?disabled=${this._shown === last}
          @click=${() => this._show(this._shown + 1)}>Next cycle</button>
      </div>
      <figure>
        <figcaption>Cycle ${cycle.number}: ${cycle.nodes.length} nodes of ${cycle.candidates} candidates,
          ${acceptedCount(cycle)} accepted, ${cycle.emitted.length} tokens. Framed in green: accepted; dim: rejected;
          dashed: the target’s own token. The percentages are the chances of acceptance that the drafter gave.</figcaption>
        <div class="drawing" tabindex="0" role="group" aria-label="Drawing, may be scrolled">${drawTree(cycle)}</div>
      </figure>
      <details>
        <summary>This tree as a table</summary>
        ${this._table(cycle)}
      </details>`;
  }

  _table(cycle) {
    const own = ownToken(cycle);
    return html`
      <table>
        <thead>
          <tr><th scope="col">Node</th><th scope="col">After</th><th scope="col" class="number">Chance</th>
            <th scope="col">Target</th></tr>
        </thead>
        <tbody>
          ${cycle.nodes.map(node => html`
            <tr>
              <td>${visible(node.text)}</td>
              <td>${visible(node.parent < 0 ? cycle.root : cycle.nodes[node.parent].text)}</td>
              <td class="number">${node.percent.toFixed(1)} %</td>
              <td>${node.accepted ? 'accepted' : 'rejected'}</td>
            </tr>`)}
          ${own === undefined ? '' : html`
            <tr><td>${visible(own)}</td><td></td><td></td><td>its own token</td></tr>`}
        </tbody>
      </table>`;
  }
}

customElements.define('qwc-eagle-trees', QwcEagleTrees);
