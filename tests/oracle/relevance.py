"""The methods that pass relevance by rules, by their definitions, in double precision on materialised attention.

The LRP rules walk the graph that torch.export gives of the model, image by image, with every attention map in it. AttnLRP,
TextSpan and Grad-ECLIP take gradients by autograd, of a model in which what their papers hold constant is detached.
"""

import contextlib
import math
import operator

import torch
from torch.nn import functional as F

import definitions
from attention import materialised
from baselines import attention_cam, chefer_cam, chosen, final, grad_cam, readout_mean
from definitions import Target, gradients, on_grid, over_all_tokens, run

ACTIVATIONS = (F.gelu, F.silu, F.relu, torch.relu, torch.tanh, torch.sigmoid)
HANDED_ON = ("gelu", "silu", "relu", "tanh", "sigmoid", "softmax", "layer_norm", "rms_norm", "batch_norm", "dropout",
             "neg")


class NoRule(Exception):
    """The paper says nothing of such a model."""


def over(a, b):
    return torch.where(b == 0, 0, a / torch.where(b == 0, 1, b))


def held_weights(target, output, k):
    """s as a sum over the output's entries: their weights [B, C], lengths taken for constants."""
    if target.embeddings is None:
        index = torch.tensor([[target.classes[k]]] * len(output)) if target.classes is not None else target.per_image[:, k:k + 1]
        return torch.zeros_like(output).scatter_(1, index % output.shape[1], 1.0)
    weights = target.embeddings.to(output.dtype)
    weights = (weights[k] if weights.dim() == 2 else weights[:, k]).expand_as(output)
    if target.similarity == "cosine":
        weights = F.normalize(weights, dim=-1) / output.norm(dim=-1, keepdim=True)
    return weights


def count(target):
    if target.classes is not None:
        return len(target.classes)
    return (target.per_image if target.per_image is not None else target.embeddings).shape[-1 if target.per_image is not None else -2]


class Lrp:
    """One image's relevances."""

    def __init__(self, specimen, image):
        plain_activations(specimen.exported or specimen.model)
        with materialised():
            program = torch.export.export(specimen.exported or specimen.model, specimen.inputs(image), strict=False)
        self.nodes = list(program.graph.nodes)
        given = dict(zip([spec.arg.name for spec in program.graph_signature.input_specs], self.inputs(program, specimen.inputs(image))))
        self.values, self.follows = {}, set()
        for node in self.nodes:
            if node.op == "placeholder":
                self.values[node] = given[node.name]
                if given[node.name] is image:
                    self.follows.add(node)
            elif node.op == "call_function":
                self.values[node] = node.target(*self.read(node.args), **self.read(node.kwargs))
                if any(parent in self.follows for parent in node.all_input_nodes):
                    self.follows.add(node)
        (output,) = [node for node in self.nodes if node.op == "output"]
        results = output.args[0]
        values = [r if r is None else self.values[r] for r in results]
        self.output = specimen.output(torch.utils._pytree.tree_unflatten(values, program.call_spec.out_spec))
        (self.last,) = [r for r, value in zip(results, values) if value is self.output]

    @staticmethod
    def inputs(program, inputs):
        state, inputs = {**program.state_dict, **program.constants}, iter(inputs)
        for spec in program.graph_signature.input_specs:
            yield next(inputs) if spec.target is None else state[spec.target]

    def read(self, arguments):
        return torch.fx.node.map_arg(arguments, lambda node: self.values[node])

    def attention_maps(self, start, ours):
        """R_A [1, h, M, N] of every attention, in the order in which they run. `ours`: Chefer et al.'s layers_ours, else their
        layers_lrp."""
        self.ours = ours
        self.relevance = {self.last: start}
        found = {}
        for node in reversed(self.nodes):
            if node not in self.relevance or node not in self.follows or node.op != "call_function":
                continue
            relevance = self.relevance.pop(node)
            if self.name(node) == "softmax" and self.values[node].dim() == 4:
                found[node] = relevance
            self.step(node, relevance)
        return [found[node] for node in self.nodes if node in found]

    @staticmethod
    def name(node):
        return getattr(node.target, "_schema", None) and node.target._schema.name.removeprefix("aten::") or node.target.__name__

    def give(self, node, relevance):
        if isinstance(node, torch.fx.Node) and node in self.follows:
            self.relevance[node] = self.relevance[node] + relevance if node in self.relevance else relevance

    def step(self, node, relevance):
        name, args = self.name(node), node.args
        is_value = [isinstance(a, torch.fx.Node) and a in self.follows for a in args]
        if name in HANDED_ON:
            self.give(args[0], relevance)
        elif name == "linear":
            self.give(args[0], self.through_weight(relevance, self.values[args[0]], self.values[args[1]]))
        elif name == "addmm":
            self.give(args[1], self.through_weight(relevance, self.values[args[1]], self.values[args[2]].T))
        elif name in ("matmul", "bmm", "mm"):
            self.product(node, relevance, all(is_value[:2]))
        elif name in ("add", "sub", "add_", "sub_"):
            self.sum(node, relevance, all(is_value[:2]), name)
        elif name in ("mul", "div", "mul_"):
            if all(is_value[:2]) and name != "div":
                raise NoRule("a product of two values")
            self.give(args[0] if is_value[0] else args[1], relevance)
        elif name in ("mean", "sum"):
            self.in_proportion(node, relevance)
        else:
            self.moved(node, relevance)

    def through_weight(self, relevance, x, weight):
        parts = [(x.clamp(min=0), weight.clamp(min=0)), (x.clamp(max=0), weight.clamp(max=0))]
        sums = [x @ w.T for x, w in parts]
        if self.ours:
            sums = [sums[0] + sums[1]] * 2
        return sum(x * (over(relevance, z) @ w) for (x, w), z in zip(parts, sums))

    def product(self, node, relevance, both):
        x, y = self.values[node.args[0]], self.values[node.args[1]]
        if not both and node.args[0] in self.follows and y.dim() == 2:
            return self.give(node.args[0], self.through_weight(relevance, x, y.T))
        if not both and node.args[1] in self.follows and x.dim() == 2:
            turned = self.through_weight(relevance.transpose(-2, -1), y.transpose(-2, -1), x)
            return self.give(node.args[1], turned.transpose(-2, -1))
        # A pooler's query is a constant, which keeps its half.
        share = over(relevance, x @ y) / 2
        self.give(node.args[0], x * (share @ y.transpose(-2, -1)))
        self.give(node.args[1], y * (x.transpose(-2, -1) @ share))

    def sum(self, node, relevance, both, name):
        if not both:
            return self.give(node.args[0] if node.args[0] in self.follows else node.args[1], relevance)
        if name.startswith("sub"):
            raise NoRule("a difference")
        assert not node.kwargs, "alpha"
        share = over(relevance, self.values[node])
        parts = [self.values[a] * share for a in node.args[:2]]
        if self.ours:
            sums = [part.sum() for part in parts]
            both = sums[0].abs() + sums[1].abs()
            parts = [part * over(over(total.abs(), both) * relevance.sum(), total) for part, total in zip(parts, sums)]
        for argument, part in zip(node.args[:2], parts):
            self.give(argument, part)

    def in_proportion(self, node, relevance):
        x = self.values[node.args[0]].detach().requires_grad_()
        y = node.target(x, *self.read(node.args[1:]), **self.read(node.kwargs))
        self.give(node.args[0], x.detach() * torch.autograd.grad(y, x, over(relevance, y.detach()))[0])

    def moved(self, node, relevance):
        """Of operators that move numbers about: back where they came from."""
        leaves = {a: self.values[a].detach().requires_grad_() for a in node.all_input_nodes
                  if a in self.follows and isinstance(self.values[a], torch.Tensor)}
        if node.target is operator.getitem:  # one of several results: the others get nothing
            source, index = node.args
            return self.give_part(source, index, relevance)
        if not leaves:
            return
        read = lambda arguments: torch.fx.node.map_arg(arguments, lambda n: leaves.get(n, self.values[n]))
        results = node.target(*read(node.args), **read(node.kwargs))
        if isinstance(results, torch.Tensor):
            if not results.requires_grad:
                return
            results, relevance = [results], [relevance]
        else:
            relevance = [torch.zeros_like(r) if part is None else part for r, part in zip(results, relevance)]
        for leaf, part in zip(leaves, torch.autograd.grad(results, list(leaves.values()), relevance, allow_unused=True)):
            if part is not None:
                self.give(leaf, part)

    def give_part(self, source, index, relevance):
        parts = self.relevance.setdefault(source, [None] * len(self.values[source]))
        parts[index] = relevance if parts[index] is None else parts[index] + relevance


def walk_of(specimen, images, at, known={}):
    """An image's, made once."""
    key = id(specimen), at
    if key not in known:
        known[key] = Lrp(specimen, images[at:at + 1].clone())
    return known[key]


def attention_relevances(specimen, images, target, ours):
    """R_A of every block, and of the pooler (None without one), [K, B, h, M, N] each."""
    walks = [walk_of(specimen, images, at) for at in range(len(images))]
    by_target = []
    for k in range(count(target)):
        by_image = []
        for at, walk in enumerate(walks):
            alone = walk.output.detach()
            weights = held_weights(target, torch.cat([alone] * len(images)), k)[at:at + 1]
            shares = weights * alone
            by_image.append([m.detach() for m in walk.attention_maps(shares / shares.sum(), ours)])
        by_target.append([torch.cat(maps) for maps in zip(*by_image)])
    sites = [torch.stack(maps) for maps in zip(*by_target)]
    pooler = sites.pop() if specimen.pooler else None
    step = specimen.sites
    return [torch.cat(sites[at:at + step], dim=2) for at in range(0, len(sites), step)], pooler


def transformer_attribution(specimen, images, target, layers=None, start_layer=0):
    """Chefer 2021a, eq. 13 and 14: the product of I + mean_h relu(dA * R_A); a pooler's own before it, without skip."""
    _, attention, pooler, scores = final(specimen, images, target)
    relevances, of_pooler = attention_relevances(specimen, images, target, ours=True)

    def weighed(a, relevance):
        return (gradients(scores, a) * relevance).clamp(min=0).mean(dim=2).transpose(0, 1).detach()  # [B, K, M, N]

    identity = torch.eye(attention[0].shape[-1], dtype=scores.dtype)
    r = identity.expand(*scores.shape, -1, -1)
    for layer in chosen(layers, start_layer, len(attention)):
        r = r + weighed(attention[layer], relevances[layer]) @ r
    if not specimen.pooler:
        return on_grid(specimen, readout_mean(specimen, r - identity))
    return on_grid(specimen, readout_mean(specimen, over_all_tokens(specimen, weighed(pooler, of_pooler)) @ r))


def partial_lrp(specimen, images, target, layer=-1):
    """Voita's: mean_h relu(R_A) of the last attention, the class token's row."""
    relevances, of_pooler = attention_relevances(specimen, images, target, ours=False)
    r = of_pooler if specimen.pooler else relevances[layer]
    rows = r.clamp(min=0).mean(dim=2).transpose(0, 1)
    if specimen.pooler:
        rows = over_all_tokens(specimen, rows)
    return on_grid(specimen, readout_mean(specimen, rows))


def halved(a, b, product):
    """A product of two values, each of which gets half of its gradient."""
    return (product(a, b.detach()) + product(a.detach(), b)) / 2


def of_two(change):
    """Products of two values by `change`, those with a constant as they are."""
    def product(a, b):
        two = all(isinstance(x, torch.Tensor) and x.requires_grad and not isinstance(x, torch.nn.Parameter) for x in (a, b))
        return change(a, b) if two else a * b
    return {function: product for function in (torch.mul, torch.Tensor.mul, torch.Tensor.__mul__)}


def by_ratio(function):
    def changed(x, *args, **kwargs):
        y = function(x, *args, **kwargs).detach()
        return x * over(y, x.detach())
    return changed


def by_gamma(function, gamma):
    """LRP-gamma, for inputs of either sign: the same numbers, another gradient."""
    def changed(x, weight, bias=None, *args, **kwargs):
        z = function(x, weight, bias, *args, **kwargs).detach()
        run = lambda x, w, b: function(x, w, b, *args, **kwargs)
        up, down = (lambda t: t + gamma * t.clamp(min=0)), (lambda t: t + gamma * t.clamp(max=0))
        of_bias = lambda change: None if bias is None else change(bias)
        pairs = [(run(x.clamp(min=0), up(weight), of_bias(up)) + run(x.clamp(max=0), down(weight), None), z > 0),
                 (run(x.clamp(min=0), down(weight), of_bias(down)) + run(x.clamp(max=0), up(weight), None), z < 0)]
        total = sum(torch.where(where, over(z, part.detach()), 0) * part for part, where in pairs)
        return z + total - total.detach()
    return changed


@contextlib.contextmanager
def linear_layers(gamma):
    """By name, as what torch's own functions call is not seen by `Replaced`."""
    stock = F.linear
    F.linear = by_gamma(stock, gamma) if gamma else stock
    try:
        yield
    finally:
        F.linear = stock


def conservative():
    """Norms with their spread held, activations by their ratio, and products of two values by halves."""
    return {F.layer_norm: held_layer_norm(hold_mean=False), F.rms_norm: held_rms_norm, F.normalize: held_normalize,
            **{function: by_ratio(function) for function in ACTIVATIONS}, **of_two(lambda a, b: halved(a, b, operator.mul))}


def held_layer_norm(hold_mean):
    def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
        dims = tuple(range(-len(normalized_shape), 0))
        mean = x.mean(dim=dims, keepdim=True)
        spread = torch.sqrt((x - mean).square().mean(dim=dims, keepdim=True) + eps).detach()
        y = (x - (mean.detach() if hold_mean else mean)) / spread
        y = y if weight is None else y * weight
        return y if bias is None else y + bias
    return layer_norm


def held_rms_norm(x, normalized_shape, weight=None, eps=None):
    dims = tuple(range(-len(normalized_shape), 0))
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    y = x / torch.sqrt(x.square().mean(dim=dims, keepdim=True) + eps).detach()
    return y if weight is None else y * weight


@contextlib.contextmanager
def constant_attention(values_too=True):
    """Within `materialised`, maps that are leaves of the graph, times constant values."""
    softmax, matmul = torch.softmax, torch.Tensor.__matmul__
    maps = set()

    def leaf(*args, **kwargs):
        attention_map = softmax(*args, **kwargs).detach().requires_grad_()
        maps.add(attention_map)
        return attention_map

    torch.softmax, torch.Tensor.__matmul__ = leaf, lambda a, b: matmul(a, b.detach() if values_too and a in maps else b)
    try:
        yield
    finally:
        torch.softmax, torch.Tensor.__matmul__ = softmax, matmul


@contextlib.contextmanager
def kept_queries_and_keys(parts):
    """Receives (Q, K) of every attention, in the order in which they run."""
    stock = torch.Tensor.__matmul__
    softmax = torch.softmax
    last = []

    def matmul(a, b):
        last[:] = [(a.detach(), b.detach().transpose(-2, -1))] if b.dim() > 1 else []
        return stock(a, b)

    def kept(*args, **kwargs):
        parts.append(last[0])
        return softmax(*args, **kwargs)

    torch.Tensor.__matmul__, torch.softmax = matmul, kept
    try:
        yield
    finally:
        torch.Tensor.__matmul__, torch.softmax = stock, softmax


def held_normalize(x, p=2.0, dim=1, eps=1e-12, out=None):
    return x / x.norm(p, dim, keepdim=True).clamp(min=eps).detach()


class Replaced(torch.overrides.TorchFunctionMode):
    """Other functions in place of torch's, however a model came to hold them."""

    def __init__(self, functions):
        super().__init__()
        self.functions = functions

    def __torch_function__(self, function, types, args=(), kwargs=None):
        return self.functions.get(function, function)(*args, **(kwargs or {}))


def plain_activations(model):
    """Quick GELU as what it is, an activation: x sigmoid(c x) = silu(c x) / c."""
    for module in model.modules():
        if type(module).__name__.startswith("QuickGELU"):
            module.forward = lambda x: F.silu(1.702 * x) / 1.702


def attn_lrp(specimen, images, target, rules="attn", gamma=0, gamma_patches=0):
    """x * dx of the changed backward pass, summed over each patch's pixels and channels."""
    matmul = torch.matmul

    def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
        scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        logits = halved(query, key.transpose(-2, -1), matmul) * scale
        if attn_mask is not None:
            logits = logits + attn_mask
        weights = torch.softmax(logits, dim=-1)
        return matmul(weights.detach(), value) if rules == "cp" else halved(weights, value, matmul)

    changed = conservative()
    if gamma:
        product = by_gamma(lambda x, weight, bias=None: x @ weight, gamma)
        for function in (torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__):
            changed[function] = lambda x, y, f=function: product(x, y) if isinstance(y, torch.nn.Parameter) else f(x, y)
    if gamma_patches:
        for function in (F.conv2d, torch.conv2d):
            changed[function] = by_gamma(function, gamma_patches)
    plain_activations(specimen.model)
    x = images.detach().requires_grad_()
    with materialised(), linear_layers(gamma):
        F.scaled_dot_product_attention = attention
        with Replaced(changed):
            output = specimen.output(specimen.model(x))
    maps = []
    for k in range(count(target)):
        weights = held_weights(target, output.detach(), k)
        relevance = (x * torch.autograd.grad((output * weights).sum(), x, retain_graph=True)[0]).detach().sum(dim=1)
        rows, columns = specimen.grid
        maps.append(relevance.reshape(len(x), rows, x.shape[2] // rows, columns, x.shape[3] // columns).sum(dim=(2, 4)))
    return torch.stack(maps, dim=1)


def text_span(specimen, images, target, layers=None):
    """Direct contributions A <dO, V>: no gradient passes an activation or another attention, and norms are held."""
    held = {F.layer_norm: held_layer_norm(hold_mean=True), F.rms_norm: held_rms_norm, F.normalize: held_normalize}
    # With a gradient of 0, so that a gate is still seen to be a product of two values.
    cut = {function: lambda x, *a, stock=function, **k: stock(x, *a, **k).detach() + 0 * x for function in ACTIVATIONS}
    cut.update(of_two(lambda a, b: (a * b).detach()))
    plain_activations(specimen.model)
    with constant_attention(), Replaced({**held, **cut}):
        tokens, attention, _ = run(specimen, images)
    last = tokens[-1].detach().requires_grad_()
    with Replaced(held):
        output = specimen.readout(last)
    depth = len(specimen.blocks)
    layers = range(depth)[-4:] if layers is None else sorted({l % depth for l in layers})
    maps = []
    for k in range(count(target)):
        weights = held_weights(target, output.detach(), k)
        (back,) = torch.autograd.grad((output * weights).sum(), last, retain_graph=True)
        score = (tokens[-1] * back).sum()
        total = sum((attention[l] * gradients(score[None, None], attention[l])[0]).sum(dim=(1, 2)).detach() for l in layers)
        maps.append(on_grid(specimen, total))
    return torch.stack(maps, dim=1)


def grad_eclip(specimen, images, target, layer=-1, heads="model"):
    """relu(sum_h lambda_hj <ds/dO_h, V_hj>): by ds/dA = <dO, V>."""
    parts = []
    with kept_queries_and_keys(parts):
        _, attention, pooler, scores = final(specimen, images, target)
    step = specimen.sites
    if specimen.pooler:
        a, (query, key) = pooler, parts[len(specimen.blocks) * step]
    else:
        at = layer % len(attention)
        a = attention[at]
        query, key = (torch.cat(p, dim=1) for p in zip(*parts[at * step:(at + 1) * step]))
    if heads == "one":
        query, key = (p.transpose(1, 2).flatten(2)[:, None] for p in (query, key))
    cosines = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
    gradient = gradients(scores, a)  # [K, B, h, M, N]
    if specimen.pooler:
        cosines, gradient = over_all_tokens(specimen, cosines), over_all_tokens(specimen, gradient)
    patches = cosines[..., specimen.patch_positions]
    least, most = patches.amin(-1, keepdim=True), patches.amax(-1, keepdim=True)
    rows = ((cosines - least) / (most - least) * gradient).sum(dim=2).transpose(0, 1).detach()
    return on_grid(specimen, readout_mean(specimen, rows).clamp(min=0))


class HeldTarget(Target):
    """The same scores, lengths taken for constants by their gradients."""

    def scores(self, output):
        weights = (held_weights(self, output.detach(), k) for k in range(count(self)))
        return torch.stack([(output * each).sum(-1) for each in weights], dim=1)


def with_rules(method):
    """A method by gradients; by LibraGrad's with rules="libra"."""
    def by(specimen, images, target, rules="gradient", **options):
        if rules == "gradient":
            return method(specimen, images, target, **options)
        plain_activations(specimen.model)
        with constant_attention(values_too=False), Replaced(conservative()):
            return method(specimen, images, HeldTarget(**vars(target)), **options)
    return by


METHODS = {f.__name__: f for f in (transformer_attribution, partial_lrp, text_span, attn_lrp)}
METHODS.update({f.__name__: with_rules(f) for f in (grad_cam, attention_cam, chefer_cam, grad_eclip)})
legrad = with_rules(definitions.legrad)


def cases(specimen, named):
    """(method, options, target) of a fixture, after the baselines'."""
    yield "transformer_attribution", {}, named["main"]
    yield "transformer_attribution", {"start_layer": 1}, named["second"]
    yield "partial_lrp", {}, named["third"]
    if not specimen.pooler:
        yield "partial_lrp", {"layer": 1}, named["main"]
        yield "text_span", {}, named["main"]
        yield "text_span", {"layers": [-1]}, named["second"]
    yield "attn_lrp", {}, named["main"]
    yield "attn_lrp", {"rules": "cp"}, named["second"]
    yield "attn_lrp", {"rules": "cp", "gamma": 0.05, "gamma_patches": 0.25}, named["third"]
    yield "grad_eclip", {}, named["main"]
    yield "grad_eclip", {"heads": "one"}, named["second"]
    yield "grad_cam", {"rules": "libra"}, named["third"]
    yield "attention_cam", {"rules": "libra"}, named["second"]
    yield "chefer_cam", {"rules": "libra"}, named["main"]
    yield "grad_eclip", {"rules": "libra"}, named["third"]
