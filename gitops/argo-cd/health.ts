/**
 * The health check of an Environment or a Preview, in Argo CD's Lua. It is Healthy if Ready is True, and Degraded if
 * Stalled is True. Otherwise, and until the manager has observed this generation, it is Progressing.
 */
export const HEALTH = `local health = { status = "Progressing", message = "not seen by Branchline's manager yet" }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
local stalled = false
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Stalled" and condition.status == "True" then
    stalled = true
  end
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    end
  end
end
if stalled and health.status ~= "Healthy" then
  health.status = "Degraded"
end
return health
`
