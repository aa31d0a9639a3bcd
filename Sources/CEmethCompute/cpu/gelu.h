// GELU in its tanh form.

INLINE v16 gelu_tanh(v16 x) {
  const v16 cubic = ((splat(0.044715f) * x) * x) * x;
  return tanh16(splat(0.79788456f) * (x + cubic));
}

INLINE v16 gelu(v16 x) { return (splat(0.5f) * x) * (splat(1.0f) + gelu_tanh(x)); }

INLINE v16 gelu_derivative(v16 x) {
  const v16 t = gelu_tanh(x);
  const v16 slope = splat(0.79788456f) * (splat(1.0f) + (splat(0.134145f) * x) * x);
  return splat(0.5f) * (splat(1.0f) + t) + ((splat(0.5f) * x) * (splat(1.0f) - t * t)) * slope;
}
