import { svg, css } from 'lit';

const COLUMN = 150;
const LINE = 26;
const NODE_WIDTH = 118;
const NODE_HEIGHT = 20;
const MARGIN = 8;
const LETTERS = 11;

/** The look of a drawn tree: accepted nodes stand out, rejected ones are dim, the target's own token is dashed. */
export const treeStyle = css`
  .tree text { font: 12px ui-monospace, monospace; fill: var(--lumo-body-text-color); }
  .tree .value { font-size: 9px; fill: var(--lumo-body-text-color); }
  .tree rect { fill: var(--lumo-base-color); stroke: var(--lumo-contrast-50pct); }
  .tree path { fill: none; stroke: var(--lumo-contrast-50pct); }
  .tree .accepted rect { stroke: var(--lumo-success-color); stroke-width: 2.5; }
  .tree path.accepted { stroke: var(--lumo-success-color); }
  .tree .own rect, .tree path.own { stroke: var(--lumo-primary-color); stroke-dasharray: 4 3; }
  .tree .rejected { opacity: .45; }
`;

/** A token on one line, with white space that can be seen. */
export function visible(text) {
  return text.replaceAll(' ', '·').replaceAll('\n', '⏎').replaceAll('\t', '⇥');
}

/** What a node says in words. */
export function spoken(cycle, node) {
  const parent = node.parent < 0 ? cycle.root : cycle.nodes[node.parent].text;
  return `“${visible(node.text)}” after “${visible(parent)}”, ${node.percent.toFixed(1)} %, `
    + (node.accepted ? 'accepted' : 'rejected');
}

/** Number of accepted nodes. */
export function acceptedCount(cycle) {
  return cycle.nodes.filter(node => node.accepted).length;
}

/** The target's own token behind the accepted ones; undefined when the answer ended with an accepted one. */
export function ownToken(cycle) {
  return cycle.emitted[acceptedCount(cycle)];
}

/** Draws a cycle's tree: depth to the right, one line per leaf. The wider an edge, the surer the drafter was. */
export function drawTree(cycle) {
  const children = new Map();
  cycle.nodes.forEach((node, index) => {
    children.set(node.parent, [...(children.get(node.parent) ?? []), index]);
  });
  const last = cycle.nodes.findLastIndex(node => node.accepted);
  const boxes = [];
  const edges = [];
  let lines = 0;
  let deepest = 0;

  const nextLine = () => MARGIN + LINE * (lines++ + .5);

  /** Draws what hangs below a node, and returns the node's own height: the middle of its children. */
  function below(parent, depth) {
    const heights = (children.get(parent) ?? []).map(index => {
      const node = cycle.nodes[index];
      const height = below(index, depth + 1);
      const kind = node.accepted ? 'accepted' : 'rejected';
      boxes.push(box(kind, depth, height, node.text, `${node.percent.toFixed(1)} %`, spoken(cycle, node)));
      return { height, kind, width: .7 + 3 * node.percent / 100 };
    });
    if (parent === last && ownToken(cycle) !== undefined) {
      const height = nextLine();
      boxes.push(box('own', depth, height, ownToken(cycle), '', `“${visible(ownToken(cycle))}”, the target’s own token`));
      heights.push({ height, kind: 'own', width: 1.5 });
    }
    deepest = Math.max(deepest, depth - 1);
    const here = heights.length ? (heights[0].height + heights.at(-1).height) / 2 : nextLine();
    heights.forEach(child => edges.push(edge(child.kind, depth, here, child.height, child.width)));
    return here;
  }

  const root = below(-1, 1);
  boxes.push(box('accepted root', 0, root, cycle.root, '', `“${visible(cycle.root)}”, the root`));
  const width = 2 * MARGIN + deepest * COLUMN + NODE_WIDTH;
  const height = 2 * MARGIN + lines * LINE;
  return svg`
    <svg class="tree" role="img" aria-label=${label(cycle)} width=${width} height=${height} viewBox="0 0 ${width} ${height}">
      ${edges}${boxes}
    </svg>`;
}

function label(cycle) {
  const accepted = cycle.nodes.filter(node => node.accepted).map(node => visible(node.text)).join(' ');
  return `Draft tree of cycle ${cycle.number}: ${cycle.nodes.length} nodes`
    + (accepted ? `, accepted ${accepted}` : ', none accepted');
}

function box(kind, depth, y, text, value, title) {
  const x = MARGIN + depth * COLUMN;
  const letters = [...visible(text)];
  const shown = letters.length <= LETTERS ? letters.join('') : letters.slice(0, LETTERS - 1).join('') + '…';
  return svg`
    <g class="node ${kind}">
      <title>${title}</title>
      <rect x=${x} y=${y - NODE_HEIGHT / 2} width=${NODE_WIDTH} height=${NODE_HEIGHT} rx="4"></rect>
      <text x=${x + 5} y=${y + 4}>${shown}</text>
      <text class="value" x=${x + NODE_WIDTH - 4} y=${y + 3.5} text-anchor="end">${value}</text>
    </g>`;
}

function edge(kind, depth, from, to, width) {
  const start = MARGIN + (depth - 1) * COLUMN + NODE_WIDTH;
  const end = MARGIN + depth * COLUMN;
  const middle = (start + end) / 2;
  return svg`<path class=${kind} stroke-width=${width}
    d="M${start} ${from}C${middle} ${from} ${middle} ${to} ${end} ${to}"></path>`;
}
